// What a person reads when a run is over.
#pragma once
#include <string>
#include <vector>

#include "runtime/driver/model.h"
#include "runtime/job.h"

namespace gyre::driver {

// "stopped    tolerance after 120 clocks, 0.31 s of training", the objective, a line per measure.
std::string OutcomeText(const Program& program, const RunResult& result,
                        const std::string& stop_reason);

// Per parameter its shape, how many values are not zero, and the largest, by name where the columns
// have one: "beta(Feature)  7 of 10 not zero; largest bmi 24.9, s5 23.1, bp 14.0".
std::string ParameterText(const Program& program, const Model& model);

// Names along an axis: those of a matrix's columns, or of the labels of a map onto it; null: none.
const std::vector<std::string>* NamesAlong(const ir::Graph& graph, const Model& model, int axis);

// The place of a parameter's element: "bmi", or "[3,bmi]" over two axes; positions from 0 where there
// are no names.
std::string PlaceName(const ir::Graph& graph, const Model& model, int symbol, size_t cell);

}  // namespace gyre::driver
