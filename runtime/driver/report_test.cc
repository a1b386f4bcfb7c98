#include "runtime/driver/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using Json = nlohmann::ordered_json;

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plan_.mutable_cluster()->set_workers(2);
    plan_.mutable_fingerprint()->set_plan(0xabc);
    Table* table = plan_.add_table();
    table->set_id("param/w");
    for (const char* question : {"distribute", "bridge", "communicate", "payload"}) {
      Answer* answer = table->add_answer();
      answer->set_question(question);
      answer->set_choice("data");
      answer->set_reason("because");
    }
    bound_.extent = {100, 3};
    bound_.tensor = {{"X", Format::kCsr, Type::kFloat64, 100, 3, 150, 1, 1},
                     {"y", Format::kDense, Type::kFloat64, 100, 1, 100, 1, 1}};
    result_.clocks = 42;
    result_.stop_reason = StopReason::kTolerance;
    result_.objective = 0.5;
    result_.measure = {0.25};
    result_.measured_on_test = true;
    result_.trace = {{0, 0, 1.5, NAN}, {42, 0.5, 0.5, 0.25}};
    result_.train_seconds = 0.5;
    result_.rows = 4200;
    result_.staleness.histogram = {4, 2};
    report_.program = "ridge";
    report_.source = &program_;
    report_.plan = &plan_;
    report_.bound = &bound_;
    report_.result = &result_;
    report_.hyper = {0, 0, 0, 0, 0.1};
  }

  const Program program_ = testing::Ridge();
  Plan plan_;
  BoundInfo bound_;
  RunResult result_;
  Report report_;
};

TEST_F(ReportTest, HoldsEveryKeyOfTheContract) {
  const Json json = Json::parse(ToJson(report_));
  for (const char* key :
       {"program", "plan", "data", "workers", "clocks", "stop_reason", "seconds", "objective",
        "trace", "metric", "throughput", "bytes", "staleness", "peak_memory_bytes", "spilled_bytes"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["program"], "ridge");
  EXPECT_EQ(json["plan"]["fingerprint"], "0000000000000abc");
  EXPECT_EQ(json["plan"]["answers"]["param/w"].size(), 4u);
  EXPECT_EQ(json["data"]["rows"], 100);
  EXPECT_EQ(json["data"]["cols"], 3);
  EXPECT_EQ(json["data"]["nnz"], 150);
  EXPECT_EQ(json["workers"], 2);
  EXPECT_EQ(json["clocks"], 42);
  EXPECT_EQ(json["stop_reason"], "tolerance");
  for (const char* key : {"load", "plan", "train"})
    EXPECT_TRUE(json["seconds"].contains(key)) << key;
  EXPECT_EQ(json["trace"].size(), 2u);
  EXPECT_TRUE(json["trace"][0]["metric"].is_null());
  EXPECT_EQ(json["trace"][1]["clock"], 42);
  EXPECT_EQ(json["metric"]["name"], "mse");
  EXPECT_EQ(json["metric"]["value"], 0.25);
  EXPECT_EQ(json["metric"]["data"], "test");
  EXPECT_EQ(json["throughput"]["unit"], "rows");
  EXPECT_EQ(json["throughput"]["per_second"], 8400);
  for (const char* key : {"mean", "variance", "max", "histogram"})
    EXPECT_TRUE(json["staleness"].contains(key));
  EXPECT_EQ(json["hyper"]["lambda"], 0.1);
  EXPECT_GT(json["peak_memory_bytes"], 0);
}

TEST_F(ReportTest, AnInterruptedRunSaysSo) {
  report_.interrupted = true;
  EXPECT_EQ(Json::parse(ToJson(report_))["stop_reason"], "interrupted");
}

TEST_F(ReportTest, NumbersThatAreNoneAreNull) {
  result_.objective = NAN;
  EXPECT_TRUE(Json::parse(ToJson(report_))["objective"].is_null());
}

// Vectors over other axes are no rows, however long they are.
TEST_F(ReportTest, RowsAreThoseOfTheDataAxis) {
  Program wide = testing::Ridge();
  ir::Symbol factor = wide.graph.symbol[testing::kY];
  factor.name = "factor";
  factor.axis[0] = testing::kFeature;
  wide.graph.symbol.push(factor);
  bound_.tensor.push_back({"factor", Format::kDense, Type::kFloat64, 4000, 1, 4000, 1, 1});
  report_.source = &wide;
  EXPECT_EQ(Json::parse(ToJson(report_))["data"]["rows"], 100);
}

TEST_F(ReportTest, TopicsHaveACoherence) {
  EXPECT_FALSE(Json::parse(ToJson(report_)).contains("coherence"));
  TopicTable table;
  table.symbol = testing::kW;
  table.coherence = {-2, NAN};
  table.mean_coherence = -2;
  const std::vector<TopicTable> tables = {TopicTable(), table};
  report_.topics = &tables;
  const Json json = Json::parse(ToJson(report_))["coherence"];
  EXPECT_EQ(json.size(), 1u);
  EXPECT_EQ(json["w"]["measure"], "umass");
  EXPECT_EQ(json["w"]["words"], 10);
  EXPECT_EQ(json["w"]["mean"], -2);
  EXPECT_EQ(json["w"]["topics"][0], -2);
  EXPECT_TRUE(json["w"]["topics"][1].is_null());
}

TEST_F(ReportTest, HeldOutRowsAreCounted) {
  EXPECT_FALSE(Json::parse(ToJson(report_))["data"].contains("test_rows"));
  report_.test_rows = 25;
  EXPECT_EQ(Json::parse(ToJson(report_))["data"]["test_rows"], 25);
}

TEST_F(ReportTest, ARunThatWentOnSaysFromWhere) {
  result_.resumed_clocks = 30;
  result_.resumed_seconds = 0.25;
  const Json json = Json::parse(ToJson(report_));
  EXPECT_EQ(json["resumed"]["clocks"], 30);
  EXPECT_EQ(json["throughput"]["per_second"], 16800);  // of this process
}

}  // namespace
}  // namespace gyre::driver
