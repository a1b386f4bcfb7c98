// predict: a saved model applied to other data, row by row, as CSV, and the program's measures when
// the data has labels; or, with --top, the best of what the data does not have.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/csv_field.h"
#include "runtime/driver/evaluate.h"
#include "runtime/driver/files.h"
#include "runtime/driver/ranking.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

// The label a value stands for: the class at that position, or one of two signs; else the number.
std::string ValueText(const ir::Graph& graph, const Model& model, const Prediction& prediction,
                      double value) {
  const auto names = model.label.find(prediction.label);
  if (names != model.label.end()) {
    const bool sign = graph.symbol[prediction.label].kind == ir::Kind::kSign;
    const double at = sign ? (value > 0 ? 1 : 0) : value;
    if (at >= 0 && at < static_cast<double>(names->second.size())) {
      return CsvField(names->second[static_cast<size_t>(at)]);
    }
  }
  return absl::StrFormat("%.9g", value);
}

// One name per value of a row: the prediction's own, or with the classes it is over.
std::vector<std::string> Header(const ir::Graph& graph, const Model& model,
                                const Prediction& prediction, const Pass& pass, int64_t size) {
  if (pass.row_axes.empty()) return {CsvField(prediction.name)};
  const std::vector<std::string>* names = nullptr;
  for (const auto& [symbol, labels] : model.label) {
    if (pass.row_axes.size() == 1 && graph.symbol[symbol].target == pass.row_axes[0])
      names = &labels;
  }
  std::vector<std::string> header;
  for (int64_t i = 0; i < size; ++i) {
    const bool named = names != nullptr && i < static_cast<int64_t>(names->size());
    header.push_back(CsvField(absl::StrCat(
        prediction.name, "_", named ? (*names)[static_cast<size_t>(i)] : std::to_string(i))));
  }
  return header;
}

// "name  v, v, ...": a prediction that has no rows.
std::string WithoutRows(const Prediction& prediction, const std::vector<double>& values) {
  constexpr size_t kShown = 10;
  std::vector<std::string> words;
  for (size_t i = 0; i < values.size() && i < kShown; ++i)
    words.push_back(absl::StrFormat("%.6g", values[i]));
  if (values.size() > kShown) words.push_back(absl::StrCat("... (", values.size(), " values)"));
  return absl::StrFormat("%-9s  %s\n", prediction.name, absl::StrJoin(words, ", "));
}

// All predictions of rows side by side.
std::string Csv(const Program& program, const Model& model, Evaluator* evaluator) {
  std::vector<std::string> header;
  std::vector<std::string> lines;
  for (const Prediction& prediction : program.prediction) {
    if (prediction.pass < 0) continue;
    const Pass& pass = program.pass[static_cast<size_t>(prediction.pass)];
    for (std::string& name :
         Header(program.graph, model, prediction, pass, evaluator->RowSize(pass))) {
      header.push_back(std::move(name));
    }
    lines.resize(static_cast<size_t>(evaluator->Rows(pass)));
    evaluator->EachRow(pass, [&](int64_t row, absl::Span<const double> values) {
      std::string& line = lines[static_cast<size_t>(row)];
      for (double value : values) {
        if (!line.empty()) line += ',';
        line += ValueText(program.graph, model, prediction, value);
      }
    });
  }
  return absl::StrCat(absl::StrJoin(header, ","), "\n", absl::StrJoin(lines, "\n"), "\n");
}

absl::StatusOr<Dataset> LoadFor(const Invocation& invocation, const Model& model) {
  const Options& options = invocation.options;
  if (options.data.empty()) {
    return absl::InvalidArgumentError("there is no data to predict; give --data=FILE");
  }
  absl::StatusOr<Dataset> data =
      LoadDataset(invocation.program, options, options.data, invocation.path, &model);
  if (!data.ok()) return data;
  for (const auto& [symbol, transform] : model.transform) {
    const Block& block = data->block[static_cast<size_t>(symbol)];
    const bool centres = std::any_of(transform.center.begin(), transform.center.end(),
                                     [](double c) { return c != 0; });
    if (centres && block.format != Format::kDense) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the model was trained on centred columns of ", NameOf(invocation.program.graph, symbol),
          ", which sparse data cannot be; give it as a dense file (csv, npy)"));
    }
    ApplyTransform(transform, block);
  }
  return data;
}

EvaluateOn EvaluateOnData(const Program& program, const Options& options, const Model& model,
                          const Dataset& data) {
  EvaluateOn on;
  on.type = data.empty() ? model.type : data.info.type;
  on.data = data.block;
  on.data.resize(static_cast<size_t>(program.graph.symbol.size));
  on.extent = data.empty() ? model.extent : data.info.extent;
  on.hyper = model.hyper;
  for (const auto& [symbol, value] : options.hyper) on.hyper[static_cast<size_t>(symbol)] = value;
  on.parameter = model.parameter;
  return on;
}

// Where words for people go: the predictions own the standard output unless they went to a file.
FILE* WordsTo(const Options& options) { return options.out.empty() ? stderr : stdout; }

int PredictTop(const Invocation& invocation, const Model& model, const Dataset& data) {
  const Program& program = invocation.program;
  const Options& options = invocation.options;
  absl::StatusOr<RankedPrediction> ranked = FindRanked(program, !data.empty());
  if (!ranked.ok()) return Fail(invocation, ranked.status(), kBadInput);
  Evaluator evaluator(program, EvaluateOnData(program, options, model, data));
  absl::StatusOr<Ranking> ranking = Rank(program, model, data, *ranked, options.top, &evaluator);
  if (!ranking.ok()) return Fail(invocation, ranking.status(), kBadInput);
  absl::Status delivered = Deliver(options, ranking->csv);
  if (!delivered.ok()) return Fail(invocation, delivered, kBadInput);
  std::vector<std::string> who;
  for (const int s : ranked->key)
    if (s != ranked->ranked()) who.push_back(NameOf(program.graph, s));
  std::fprintf(WordsTo(options), "%s ranked for %lld of %s%s%s\n",
               NameOf(program.graph, ranked->ranked()).c_str(),
               static_cast<long long>(ranking->asked), absl::StrJoin(who, ", ").c_str(),
               options.out.empty() ? "" : "  ",
               options.out.empty() ? "" : UserPath(options.out).c_str());
  if (ranking->fewer > 0)
    std::fprintf(WordsTo(options), "%lld have fewer than %lld left that the data does not name\n",
                 static_cast<long long>(ranking->fewer), static_cast<long long>(options.top));
  return kDone;
}

}  // namespace

int PredictCommand(const Invocation& invocation) {
  const Program& program = invocation.program;
  const Options& options = invocation.options;
  std::string folder = options.model;
  if (folder.empty()) folder = absl::StrCat("gyre-out/", invocation.name, "/model");
  if (program.prediction.empty() && program.measure.empty()) {
    return Fail(invocation,
                absl::InvalidArgumentError(
                    "the program predicts nothing; give it .Predict<\"name\">(value)"),
                kBadInput);
  }
  const bool top = options.top > 0, has_data = !options.data.empty();
  if (top) {  // before anything is loaded
    absl::StatusOr<RankedPrediction> ranked = FindRanked(program, has_data);
    if (!ranked.ok()) return Fail(invocation, ranked.status(), kBadInput);
  }
  absl::StatusOr<Model> model = LoadModel(UserPath(folder), program);
  if (!model.ok()) return Fail(invocation, model.status(), kBadInput);
  if (top && !has_data) return PredictTop(invocation, *model, Dataset());
  absl::StatusOr<Dataset> data = LoadFor(invocation, *model);
  if (!data.ok()) return Fail(invocation, data.status(), kBadInput);
  if (top) return PredictTop(invocation, *model, *data);

  Evaluator evaluator(program, EvaluateOnData(program, options, *model, *data));
  const bool has_rows = std::any_of(program.prediction.begin(), program.prediction.end(),
                                    [](const Prediction& each) { return each.pass >= 0; });
  if (has_rows) {
    absl::Status delivered = Deliver(options, Csv(program, *model, &evaluator));
    if (!delivered.ok()) return Fail(invocation, delivered, kBadInput);
  }
  FILE* const words = WordsTo(options);
  for (const Prediction& each : program.prediction) {
    if (each.pass < 0) std::fputs(WithoutRows(each, evaluator.Values(each.value)).c_str(), words);
  }
  if (data->labelled) {
    for (const Measure& measure : program.measure) {
      std::fprintf(words, "%-9s  %.6g\n", measure.name.c_str(), evaluator.Value(measure));
    }
  }
  if (!options.out.empty()) {
    std::fprintf(words, "%lld rows  %s\n", static_cast<long long>(data->rows),
                 UserPath(options.out).c_str());
  }
  return kDone;
}

}  // namespace gyre::driver
