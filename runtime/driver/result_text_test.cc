#include "runtime/driver/result_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using ::testing::HasSubstr;

Model SmallModel() {
  Model model;
  model.extent = {100, 4};
  model.parameter = {{}, {}, {0.5, 0, -24.93, 3}, {152.1}, {}};
  return model;
}

TEST(ParameterText, NamesTheLargestByColumn) {
  Model model = SmallModel();
  model.column[testing::kX] = {"age", "sex", "bmi", "bp"};
  const std::string text = ParameterText(testing::Ridge(), model);
  EXPECT_THAT(text,
              HasSubstr("w(Feature)  4 values, 3 not zero; largest bmi -24.93, bp 3, age 0.5\n"));
  EXPECT_THAT(text, HasSubstr("b          152.1\n"));
}

TEST(ParameterText, PositionsWhereThereAreNoNames) {
  EXPECT_THAT(ParameterText(testing::Ridge(), SmallModel()),
              HasSubstr("largest [2] -24.93, [3] 3, [0] 0.5"));
}

TEST(ParameterText, AllZeros) {
  Model model = SmallModel();
  model.parameter[testing::kW] = {0, 0, 0, 0};
  EXPECT_THAT(ParameterText(testing::Ridge(), model),
              HasSubstr("w(Feature)  4 values, 0 not zero\n"));
}

TEST(OutcomeText, SaysWhyItStoppedAndHowGoodItIs) {
  RunResult result;
  result.clocks = 12;
  result.train_seconds = 0.25;
  result.objective = 1.25;
  result.measure = {3.5};
  result.measured_on_test = true;
  const std::string text = OutcomeText(testing::Ridge(), result, "interrupted");
  EXPECT_THAT(text, HasSubstr("stopped    interrupted after 12 clocks, 0.25 s of training\n"));
  EXPECT_THAT(text, HasSubstr("objective  1.25\n"));
  EXPECT_THAT(text, HasSubstr("mse        3.5  (held-out data)\n"));
  result.objective = NAN;
  EXPECT_THAT(OutcomeText(testing::Ridge(), result, "clocks"),
              ::testing::Not(HasSubstr("objective")));
}

}  // namespace
}  // namespace gyre::driver
