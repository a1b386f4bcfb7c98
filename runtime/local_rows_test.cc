#include "runtime/local_rows.h"

#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr int kRows = 0, kClasses = 1;  // axes
constexpr int kX = 0, kLocal = 1;       // symbols

class LocalRowsTest : public testing::Test {
 protected:
  LocalRowsTest() {
    for (int a = 0; a < 2; ++a) program_.graph.axis.push(ir::Axis());
    ir::Symbol x, z;
    x.rank = 1, x.axis[0] = kRows;
    z.kind = ir::Kind::kLocal, z.name = "z";
    z.rank = 2, z.axis[0] = kRows, z.axis[1] = kClasses;
    program_.graph.symbol.push(x);
    program_.graph.symbol.push(z);
    job_.program = &program_;
    job_.extent = {10, 3};
  }

  static double* Row(const WorkerData& worker, int64_t row) {
    const Block& block = worker.data[kLocal];
    return static_cast<double*>(const_cast<void*>(block.values)) + row * block.stride;
  }

  Program program_;
  Job job_;
  const std::vector<Block> whole_ = std::vector<Block>(2), rest_ = std::vector<Block>(2);
};

TEST_F(LocalRowsTest, WorkersThatShareDataShareTheirRows) {
  job_.worker = {{whole_.data(), 0, 6, 0}, {whole_.data(), 6, 10, 0}};
  const LocalRows locals(job_);
  const std::vector<WorkerData>& worker = locals.job().worker;
  EXPECT_EQ(worker[0].data, worker[1].data);
  EXPECT_NE(worker[0].data, whole_.data());
  EXPECT_EQ(worker[0].data[kLocal].rows, 10);
  EXPECT_EQ(worker[0].data[kLocal].cols, 3);
  EXPECT_EQ(worker[0].data[kX].values, nullptr);
  for (int64_t row = 0; row < 10; ++row)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(Row(worker[0], row)[c], 0);
}

TEST_F(LocalRowsTest, RowsThatLieApartAreCountedFromTheirOwn) {
  job_.worker = {{whole_.data(), 0, 4, 3}, {rest_.data(), 0, 3, 7}};
  const LocalRows locals(job_);
  const std::vector<WorkerData>& worker = locals.job().worker;
  EXPECT_EQ(Row(worker[0], 4), Row(worker[1], 0));  // row 7 of all
  EXPECT_EQ(worker[0].data[kLocal].rows, 7);
  EXPECT_EQ(worker[1].data[kLocal].rows, 3);
}

TEST_F(LocalRowsTest, SaveAndLoad) {
  job_.worker = {{whole_.data(), 0, 10, 0}};
  LocalRows one(job_), other(job_);
  Row(one.job().worker[0], 9)[2] = 5;
  ASSERT_TRUE(other.Load(one.Save()).ok());
  EXPECT_EQ(Row(other.job().worker[0], 9)[2], 5);
  EXPECT_FALSE(other.Load({}).ok());
  EXPECT_FALSE(other.Load({"short"}).ok());
}

TEST_F(LocalRowsTest, SingleNumbersTakeHalfTheRoom) {
  job_.type = Type::kFloat32;
  job_.worker = {{whole_.data(), 0, 10, 0}};
  const LocalRows locals(job_);
  EXPECT_EQ(locals.job().worker[0].data[kLocal].type, Type::kFloat32);
  EXPECT_EQ(locals.Save()[0].size(), 10u * 3 * 4);
}

TEST_F(LocalRowsTest, ProgramsWithoutLocalsKeepTheirData) {
  program_.graph.symbol.size = 1;
  job_.worker = {{whole_.data(), 0, 10, 0}};
  const LocalRows locals(job_);
  EXPECT_EQ(locals.job().worker[0].data, whole_.data());
  EXPECT_EQ(locals.count(), 0);
}

TEST_F(LocalRowsTest, HeldOutRowsHaveNone) {
  Pass pass;
  pass.local = {kLocal};
  program_.pass.push_back(pass);
  program_.measure.push_back({"gap", 0, {}, -1});
  job_.worker = {{whole_.data(), 0, 10, 0}};
  EXPECT_TRUE(CheckLocals(job_).ok());
  job_.test = job_.worker;
  EXPECT_EQ(CheckLocals(job_).code(), absl::StatusCode::kInvalidArgument);
  program_.pass[0].local.clear();
  EXPECT_TRUE(CheckLocals(job_).ok());
}

}  // namespace
}  // namespace gyre
