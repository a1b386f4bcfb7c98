#include "runtime/driver/report.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/data/memory.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

// The four answers per parameter, under the questions' own words.
Json PlanJson(const Plan& plan) {
  Json json;
  json["fingerprint"] = absl::StrFormat("%016x", plan.fingerprint().plan());
  json["answers"] = Json::object();
  for (const Table& table : plan.table()) {
    if (table.role() != Table::PARAM) continue;
    Json& answers = json["answers"][table.id()] = Json::object();
    for (const Answer& answer : table.answer()) {
      answers[answer.question()] = {
          {"choice", answer.choice()}, {"reason", answer.reason()}, {"pinned", answer.pinned()}};
    }
  }
  for (const Task& task : plan.task()) {
    if (task.kind() == Task::FOLD && task.has_update()) json["update"] = task.update().rule();
  }
  json["workers"] = plan.cluster().workers();
  json["lanes"] = plan.cluster().lanes();
  json["processes"] = plan.cluster().processes();
  return json;
}

// The data as users count it: rows of the data axis, columns and entries of its widest tensor.
Json DataJson(const ir::Graph& graph, const BoundInfo& bound) {
  int64_t rows = 0;
  const TensorInfo* widest = nullptr;
  Json tensors = Json::object();
  for (const TensorInfo& tensor : bound.tensor) {
    const int symbol = FindSymbol(graph, tensor.symbol);
    if (symbol >= 0 && graph.axis[graph.symbol[symbol].axis[0]].data)
      rows = std::max(rows, tensor.rows);
    if (widest == nullptr || tensor.cols > widest->cols) widest = &tensor;
    tensors[tensor.symbol] = {{"rows", tensor.rows},
                              {"cols", tensor.cols},
                              {"nnz", tensor.nnz},
                              {"format", tensor.format == Format::kDense ? "dense" : "sparse"}};
  }
  return {{"rows", rows},
          {"cols", widest == nullptr ? 0 : widest->cols},
          {"nnz", widest == nullptr ? 0 : widest->nnz},
          {"dtype", bound.type == Type::kFloat32 ? "float32" : "float64"},
          {"tensors", std::move(tensors)}};
}

Json TraceJson(const std::vector<TracePoint>& trace) {
  Json json = Json::array();
  for (const TracePoint& point : trace) {
    json.push_back({{"clock", point.clock},
                    {"seconds", point.seconds},
                    {"objective", Number(point.objective)},
                    {"metric", Number(point.metric)}});
  }
  return json;
}

Json MetricJson(const Program& program, const RunResult& result) {
  if (program.measure.empty() || result.measure.empty()) return Json();
  return {{"name", program.measure[0].name},
          {"value", Number(result.measure[0])},
          {"data", result.measured_on_test ? "test" : "train"}};
}

Json MeasuresJson(const Program& program, const RunResult& result) {
  Json json = Json::object();
  for (size_t i = 0; i < program.measure.size() && i < result.measure.size(); ++i) {
    json[program.measure[i].name] = Number(result.measure[i]);
  }
  return json;
}

Json HyperJson(const Program& program, const std::vector<double>& hyper) {
  Json json = Json::object();
  for (int symbol : SymbolsOf(program.graph, ir::Kind::kHyper)) {
    json[NameOf(program.graph, symbol)] = hyper[static_cast<size_t>(symbol)];
  }
  return json;
}

Json TasksJson(const RunResult& result) {
  Json json = Json::array();
  for (const TaskCounters& task : result.counters) {
    json.push_back({{"task", task.task},
                    {"fired", task.fired},
                    {"busy_seconds", static_cast<double>(task.busy_ns) * 1e-9},
                    {"waited_seconds", static_cast<double>(task.waited_ns) * 1e-9}});
  }
  return json;
}

void AddPath(const Report& report, Json* json) {
  const std::string& name = report.path_hyper;
  const bool crossed = report.cross != nullptr && report.cross->given();
  Json& path = (*json)["path"] = Json::array();
  for (size_t k = 0; k < report.path_value.size(); ++k) {
    const PhaseResult& phase = report.result->phase[k];
    Json step = {{name, report.path_value[k]},
                 {"objective", Number(phase.objective)},
                 {"nonzeros", report.path_nonzeros[k]},
                 {"metric", phase.measure.empty() ? Json() : Number(phase.measure[0])},
                 {"clocks", phase.clocks},
                 {"seconds", phase.seconds}};
    if (std::isfinite(phase.gap)) step["duality_gap"] = phase.gap;
    if (crossed) {
      step["cv_mean"] = Number(report.cross->mean[k]);
      step["cv_se"] = Number(report.cross->error[k]);
    }
    path.push_back(std::move(step));
  }
  if (!crossed) return;
  (*json)["cross_validation"] = {{"folds", report.cross->folds},
                                 {name + "_min", report.path_value[report.cross->least]},
                                 {name + "_1se", report.path_value[report.cross->simplest]}};
}

// How well the words of topics go together, by table.
void AddCoherence(const Report& report, Json* json) {
  for (const TopicTable& table : *report.topics) {
    if (table.coherence.empty()) continue;
    Json topics = Json::array();
    for (const double c : table.coherence) topics.push_back(Number(c));
    (*json)["coherence"][NameOf(report.source->graph, table.symbol)] = {
        {"measure", "umass"},
        {"words", kTopWords},
        {"mean", Number(table.mean_coherence)},
        {"topics", std::move(topics)}};
  }
}

}  // namespace

int64_t PeakMemoryBytes() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

std::string StopReasonName(const Report& report) {
  return report.interrupted ? "interrupted" : Name(report.result->stop_reason);
}

std::string ToJson(const Report& report) {
  const RunResult& result = *report.result;
  Json json;
  json["program"] = report.program;
  json["fingerprint"] = absl::StrFormat("%016x", report.source->fingerprint);
  json["plan"] = PlanJson(*report.plan);
  json["data"] = DataJson(report.source->graph, *report.bound);
  if (report.test_rows > 0) json["data"]["test_rows"] = report.test_rows;
  json["workers"] = report.plan->cluster().workers();
  json["clocks"] = result.clocks;
  if (result.resumed_clocks > 0) {
    json["resumed"] = {{"clocks", result.resumed_clocks}, {"seconds", result.resumed_seconds}};
  }
  json["stop_reason"] = StopReasonName(report);
  json["stop_detail"] = result.detail;
  if (!result.certificate.empty()) json["certificate"] = result.certificate;
  json["seconds"] = {{"load", report.load_seconds},
                     {"plan", report.plan_seconds},
                     {"train", result.train_seconds},
                     {"evaluate", result.evaluate_seconds}};
  json["objective"] = Number(result.objective);
  json["evaluated"] = result.evaluated;
  json["trace"] = TraceJson(result.trace);
  json["metric"] = MetricJson(*report.source, result);
  json["measures"] = MeasuresJson(*report.source, result);
  const double seconds = result.train_seconds - result.resumed_seconds;  // of this process
  json["throughput"] = {
      {"unit", "rows"},
      {"per_second", seconds > 0 ? static_cast<double>(result.rows) / seconds : 0.0}};
  json["bytes"] = {{"sent", result.bytes_sent}, {"received", result.bytes_received}};
  json["staleness"] = {{"mean", Number(result.staleness.mean)},
                       {"variance", Number(result.staleness.variance)},
                       {"max", result.staleness.max},
                       {"histogram", result.staleness.histogram}};
  json["peak_memory_bytes"] = PeakMemoryBytes();
  json["spilled_bytes"] = PeakSpilledBytes();
  json["hyper"] = HyperJson(*report.source, report.hyper);
  json["seed"] = report.seed;
  json["standardized"] = report.standardized;
  json["model"] = report.model;
  if (std::isfinite(result.gap)) json["duality_gap"] = result.gap;
  if (!report.path_value.empty()) AddPath(report, &json);
  if (report.topics != nullptr) AddCoherence(report, &json);
  json["tasks"] = TasksJson(result);
  return json.dump(1) + "\n";
}

}  // namespace gyre::driver
