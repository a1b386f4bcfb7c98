#include "runtime/driver/dataset.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/bind.h"
#include "runtime/driver/files.h"
#include "runtime/driver/symbols.h"
#include "runtime/driver/weights.h"

namespace gyre::driver {
namespace {

using absl::StrCat;

// Up to this many bytes of text, numbers are kept in float64: there speed is decided by other
// things than their width, and users compare the last digits of small problems with other programs.
constexpr double kSmallFiles = 16e6;
constexpr double kCompression = 4;  // of text, as a rule of thumb

Type TypeFor(Precision precision, const std::vector<DataInput>& inputs) {
  if (precision == Precision::kFloat32) return Type::kFloat32;
  if (precision == Precision::kFloat64) return Type::kFloat64;
  double bytes = 0;
  for (const DataInput& input : inputs) {
    std::error_code error;
    const double size = static_cast<double>(std::filesystem::file_size(input.path, error));
    if (error) continue;  // whoever opens it says why
    const bool packed = absl::EndsWith(input.path, ".gz") || absl::EndsWith(input.path, ".xz");
    bytes += size * (packed ? kCompression : 1);
  }
  return bytes <= kSmallFiles ? Type::kFloat64 : Type::kFloat32;
}

// Tensors that no prediction reads may be missing when a model is applied.
std::set<int> NeededToPredict(const Program& program) {
  std::set<int> needed;
  for (const Prediction& prediction : program.prediction) {
    if (prediction.pass < 0) continue;
    const Pass& pass = program.pass[static_cast<size_t>(prediction.pass)];
    needed.insert(pass.data.begin(), pass.data.end());
  }
  return needed;
}

Want WantOf(const Program& program, int symbol) {
  const ir::Graph& graph = program.graph;
  const ir::Symbol& s = graph.symbol[symbol];
  Want want;
  want.name = NameOf(graph, symbol);
  want.kind = s.kind == ir::Kind::kSign  ? WantKind::kSign
              : s.kind == ir::Kind::kMap ? WantKind::kMap
                                         : WantKind::kData;
  for (int i = 0; i < s.rank; ++i) want.axes.emplace_back(graph.axis[s.axis[i]].name);
  if (s.target >= 0) want.to = std::string(graph.axis[s.target].name);
  want.ones = IsWeight(program, symbol);  // a weight that nobody gives weighs nothing
  return want;
}

struct BindRequest {
  std::vector<int> symbol;  // by want
  std::vector<Want> want;
  std::vector<DataInput> input;
  BindOptions options;
};

// What training data fixes for data bound later: sizes of all axes without rows, names of labels.
void Follow(const Program& program, const Model& model, BindRequest* request) {
  const ir::Graph& graph = program.graph;
  for (int a = 0; a < graph.axis.size; ++a) {
    const int64_t extent = model.extent[static_cast<size_t>(a)];
    if (!graph.axis[a].data && extent > 0) {
      request->options.extents[std::string(graph.axis[a].name)] = extent;
    }
  }
  for (const auto& [symbol, names] : model.label) {
    request->options.labels[NameOf(graph, symbol)] = names;
  }
  request->options.type = model.type;
}

absl::StatusOr<BindRequest> MakeBindRequest(const Program& program, const Options& options,
                                            const std::vector<Input>& inputs,
                                            const std::string& program_path, const Model* model) {
  const ir::Graph& graph = program.graph;
  BindRequest request;
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (!IsBound(graph, s)) continue;
    request.symbol.push_back(s);
    request.want.push_back(WantOf(program, s));
  }
  for (const Input& input : inputs) {
    request.input.push_back(
        {input.symbol, DataPath(input.path, options.built_in_data, program_path)});
  }
  if (!options.data_format.empty()) {
    absl::StatusOr<FileFormat> format = ParseFileFormat(options.data_format);
    if (!format.ok()) return format.status();
    request.options.format = *format;
  }
  request.options.columns = options.columns;
  for (const auto& [map, file] : options.names)
    request.options.names[map] = DataPath(file, options.built_in_data, program_path);
  request.options.min_count = options.min_count;
  request.options.stop_words = options.stop_words;
  if (!options.stop_words.empty() && options.stop_words != kNoStopWords) {
    request.options.stop_words = DataPath(options.stop_words, options.built_in_data, program_path);
  }
  for (const ir::Axis& axis : graph.axis) {
    if (axis.data) request.options.data_axes.emplace_back(axis.name);
    if (axis.extent > 0) request.options.default_extents[std::string(axis.name)] = axis.extent;
  }
  request.options.extents = options.extent;
  if (model == nullptr) {
    request.options.type = TypeFor(options.precision, request.input);
  } else {
    Follow(program, *model, &request);
  }
  return request;
}

// Largest over mean, 1 when there is nothing.
double SkewOf(const Skew& skew) { return skew.mean > 0 ? skew.max / skew.mean : 1; }

TensorInfo InfoOf(const std::string& name, const BoundTensor& tensor) {
  const Block& block = tensor.data.block;
  TensorInfo info;
  info.symbol = name;
  info.format = block.format;
  info.type = block.type;
  info.rows = block.rows;
  info.cols = block.cols;
  info.nnz = block.format == Format::kDense ? block.rows * block.cols
             : block.offset == nullptr     ? tensor.info.nnz  // described
                                           : block.offset[block.rows];
  if (block.format != Format::kDense) {
    info.row_skew = SkewOf(tensor.info.row_nnz);
    info.col_skew = SkewOf(tensor.info.col_nnz);
  }
  return info;
}

void FillExtents(const Program& program, const Options& options, const BoundData& bound,
                 const Model* model, std::vector<int64_t>* extent) {
  const ir::Graph& graph = program.graph;
  for (int a = 0; a < graph.axis.size; ++a) {
    const std::string name(graph.axis[a].name);
    int64_t size = graph.axis[a].extent;
    if (const auto given = options.extent.find(name); given != options.extent.end())
      size = given->second;
    if (model != nullptr && !graph.axis[a].data) size = model->extent[static_cast<size_t>(a)];
    if (const auto found = bound.extents.find(name); found != bound.extents.end())
      size = found->second;
    extent->push_back(size);
  }
  for (int a = 0; a < graph.axis.size; ++a) {
    if (graph.axis[a].tally >= 0 && model == nullptr)  // what is counted is the training's
      (*extent)[static_cast<size_t>(a)] = TallyExtent(graph, a, *extent);
  }
}

// The axis whose rows workers share out: that of the program's first pass.
int64_t RowsOf(const Program& program, const std::vector<int64_t>& extent) {
  for (const Pass& pass : program.pass) {
    if (pass.row_axis >= 0) return extent[static_cast<size_t>(pass.row_axis)];
  }
  return 0;
}

}  // namespace

absl::StatusOr<Dataset> LoadDataset(const Program& program, const Options& options,
                                    const std::vector<Input>& inputs,
                                    const std::string& program_path, const Model* model,
                                    const RowsWanted& rows) {
  if (inputs.empty()) {
    return absl::InvalidArgumentError(StrCat(
        "there is no data; give --data=FILE (the program reads ", DataList(program.graph), ")"));
  }
  absl::StatusOr<BindRequest> request =
      MakeBindRequest(program, options, inputs, program_path, model);
  if (!request.ok()) return request.status();
  if (options.command == Command::kPredict) {
    const std::set<int> needed = NeededToPredict(program);
    for (size_t i = 0; i < request->want.size(); ++i) {
      request->want[i].needed = needed.count(request->symbol[i]) > 0;
    }
  }
  request->options.describe = rows.describe;
  request->options.moments = rows.moments;
  request->options.described = rows.described;
  request->options.row_begin = rows.begin;
  request->options.row_end = rows.end;
  absl::StatusOr<BoundData> bound = BindFiles(request->want, request->input, request->options);
  if (!bound.ok()) return bound.status();

  Dataset data;
  data.block.resize(static_cast<size_t>(program.graph.symbol.size));
  data.info.type = request->options.type;
  FillExtents(program, options, *bound, model, &data.info.extent);
  for (size_t i = 0; i < request->want.size(); ++i) {
    BoundTensor& tensor = bound->tensor[i];
    const int symbol = request->symbol[i];
    if (!tensor.bound) continue;
    data.block[static_cast<size_t>(symbol)] = tensor.data.block;
    data.info.tensor.push_back(InfoOf(request->want[i].name, tensor));
    if (!tensor.labels.empty()) data.label[symbol] = std::move(tensor.labels);
    if (!tensor.column_names.empty()) data.column[symbol] = std::move(tensor.column_names);
    if (rows.moments) data.moments[symbol] = std::move(tensor.info.moments);
    data.memory.push_back(std::move(tensor.data));
  }
  data.labelled = bound->complete;
  data.described = std::move(bound->described);
  data.notes = std::move(bound->notes);
  data.rows = RowsOf(program, data.info.extent);
  return data;
}

}  // namespace gyre::driver
