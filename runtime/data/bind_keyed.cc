// Files of keyed rows: which maps take their keys, and what the positions are called.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/binder.h"
#include "runtime/data/keyed.h"
#include "runtime/data/names.h"

namespace gyre::io {
namespace {

constexpr size_t kValue = 2;  // the field after the keys

// What the fields are, and what maps that take a key are usually called.
struct Fields {
  std::array<const char*, 3> what;
  std::array<std::vector<absl::string_view>, 2> usual;
};

const Fields& FieldsOf(FileFormat format) {
  static const auto* const bag =
      new Fields{{"document", "word", "count"},
                 {{{"doc", "docs", "document", "documents"},
                   {"word", "words", "term", "terms", "token", "tokens"}}}};
  static const auto* const ratings =
      new Fields{{"user", "item", "rating"}, {{{"user", "users"}, {"item", "items"}}}};
  return format == FileFormat::kRatings ? *ratings : *bag;
}

}  // namespace

bool Binder::Takes(size_t w, size_t field, const std::string& row_axis) const {
  const Want& want = wants_[w];
  return !out_.tensor[w].bound && want.axes.size() == 1 &&
         want.kind == (field == kValue ? WantKind::kData : WantKind::kMap) &&
         (row_axis.empty() || want.axes[0] == row_axis);
}

// The first axis that two unbound maps have as rows; empty: none.
std::string Binder::KeyedRowAxis() const {
  for (size_t w = 0; w < wants_.size(); ++w) {
    if (!Takes(w, 0, "")) continue;
    for (size_t v = w + 1; v < wants_.size(); ++v) {
      if (Takes(v, 0, wants_[w].axes[0])) return wants_[w].axes[0];
    }
  }
  return "";
}

// Fields by --columns, then keys by usual names, then in the order of the program.
absl::StatusOr<Binder::KeyedWants> Binder::PlanKeyed(const std::string& path, FileFormat format,
                                                     const std::string& row_axis) const {
  const Fields& fields = FieldsOf(format);
  KeyedWants plan = {-1, -1, -1};
  const auto taken = [&](size_t w) {
    return std::find(plan.begin(), plan.end(), static_cast<int>(w)) != plan.end();
  };
  for (size_t w = 0; w < wants_.size(); ++w) {
    const auto given = columns_.find(wants_[w].name);
    if (given == columns_.end() || !(Takes(w, 0, row_axis) || Takes(w, kValue, row_axis))) continue;
    size_t field = 0;
    if (!absl::SimpleAtoi(given->second.column, &field) || field < 1 || field > 3 ||
        !Takes(w, field - 1, row_axis)) {
      return BindError(path,
                       absl::StrCat("has no such column for ", wants_[w].name,
                                    "; in --columns maps take 1 (", fields.what[0], ") or 2 (",
                                    fields.what[1], "), data takes 3 (", fields.what[2], ")"));
    }
    if (plan[field - 1] >= 0) {
      return BindError(path, absl::StrCat("--columns gives the ", fields.what[field - 1],
                                          " twice; give each once"));
    }
    plan[field - 1] = static_cast<int>(w);
  }
  for (size_t k = 0; k < 2; ++k) {
    for (size_t w = 0; w < wants_.size() && plan[k] < 0; ++w) {
      const auto& usual = fields.usual[k];
      if (std::find(usual.begin(), usual.end(), wants_[w].name) != usual.end() &&
          Takes(w, k, row_axis) && !taken(w))
        plan[k] = static_cast<int>(w);
    }
  }
  for (const size_t field : {size_t{0}, size_t{1}, kValue}) {
    for (size_t w = 0; w < wants_.size() && plan[field] < 0; ++w) {
      // Weights stay all ones: a count is none.
      if (Takes(w, field, row_axis) && !wants_[w].ones && !taken(w))
        plan[field] = static_cast<int>(w);
    }
  }
  return plan;
}

// The names of key `k` that are known beforehand: those of the training data, else of --names, else
// those beside the file.
absl::StatusOr<std::optional<KnownNames>> Binder::NamesOfKey(const std::string& path,
                                                             FileFormat format, size_t w,
                                                             size_t k) {
  const Want& want = wants_[w];
  std::string file;
  const auto flag = options_.names.find(want.name);
  if (flag != options_.names.end() && format != FileFormat::kRatings) {
    file = flag->second;
    names_used_.insert(want.name);
  } else if (format == FileFormat::kDocword && k == 1) {
    file = VocabularyBeside(path);
  }
  std::optional<KnownNames> known;
  if (!file.empty()) {
    auto names = ReadNames(file);
    if (!names.ok()) return names.status();
    known = KnownNames{*std::move(names), file, true};
  }
  const auto trained = options_.labels.find(want.name);
  if (trained != options_.labels.end()) {
    if (known && known->name != trained->second) {
      return BindError(path, absl::StrCat("its ", FieldsOf(format).what[k], "s are named by ", file,
                                          ", not as in the training data; use the same names"));
    }
    return KnownNames{trained->second, "the training data", false};
  }
  if (known && flag == options_.names.end())
    out_.notes.push_back(absl::StrCat(path, ": words are named by ", file));
  return known;
}

absl::Status Binder::BindKeyed(const std::string& path, FileFormat format) {
  if (options_.shards > 1 || options_.describe || options_.described != nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        path,
        ": rows with keys are not cut into shards yet; run in one process, or convert to CSV"));
  }
  const Fields& fields = FieldsOf(format);
  const std::string row_axis = KeyedRowAxis();
  if (row_axis.empty()) {
    return BindError(
        path, absl::StrCat("holds a ", fields.what[0], " and a ", fields.what[1],
                           " a row, where the program has not two maps over one axis left (its "
                           "data is ",
                           Names(false), "); say --format= if it holds something else"));
  }
  const auto plan = PlanKeyed(path, format, row_axis);
  if (!plan.ok()) return plan.status();
  KeyedOptions read{.format = format, .type = options_.type};
  const int value = (*plan)[kValue];
  if (value >= 0) {
    read.values = format == FileFormat::kRatings && !wants_[static_cast<size_t>(value)].needed
                      ? KeyedValues::kWhenThere
                      : KeyedValues::kRequired;
  }
  for (size_t k = 0; k < 2; ++k) {
    auto known = NamesOfKey(path, format, static_cast<size_t>((*plan)[k]), k);
    if (!known.ok()) return known.status();
    read.known[k] = *std::move(known);
  }
  if (options_.min_count) read.min_count = *options_.min_count;
  std::vector<std::string> stop;
  if (format == FileFormat::kText && !options_.stop_words.empty()) {
    read.stop_words = &stop;
    if (options_.stop_words != kNoStopWords) {
      auto words = ReadNames(options_.stop_words);
      if (!words.ok()) return words.status();
      stop = *std::move(words);
    }
  }
  auto rows = ReadKeyed(path, read);
  if (!rows.ok()) return rows.status();
  return TakeKeyed(path, row_axis, *plan, *std::move(rows));
}

absl::Status Binder::TakeKeyed(const std::string& path, const std::string& row_axis,
                               const KeyedWants& plan, KeyedRows rows) {
  absl::Status status = SetExtent(row_axis, rows.rows, path);
  const auto take = [&](int w, OwnedBlock block) -> BoundTensor& {
    BoundTensor& tensor = out_.tensor[static_cast<size_t>(w)];
    const char* const values = static_cast<const char*>(block.block.values);
    ReleasePages(values, values + rows.rows * SizeOf(block.block.type));
    tensor.data = std::move(block);
    tensor.info.rows = tensor.info.nnz = rows.rows;
    tensor.info.cols = 1;
    tensor.path = path;
    tensor.bound = true;
    return tensor;
  };
  for (size_t k = 0; k < 2; ++k) {
    Key& key = rows.key[k];
    take(plan[k], std::move(key.at)).labels = std::move(key.names);
    if (status.ok())
      status = SetTargetExtent(wants_[static_cast<size_t>(plan[k])].to, key.extent, path);
  }
  if (rows.has_value) take(plan[kValue], std::move(rows.value));
  return status;
}

// Flags that say how keyed rows are read, where none are. Of held-out data they need not: they said
// so of the training data.
absl::Status Binder::CheckKeyedFlags(const std::vector<DataInput>& inputs) const {
  for (const auto& [map, file] : options_.names) {
    if (names_used_.contains(map) || options_.labels.contains(map)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--names=", map, "=", file, ": the values of ", map,
                     " have the names that their file gives them; name values of docword, ldac and "
                     "text files"));
  }
  const bool text = std::any_of(inputs.begin(), inputs.end(), [&](const DataInput& input) {
    const auto format = FormatOf(input.path);
    return format.ok() && *format == FileFormat::kText;
  });
  const bool given = options_.min_count || !options_.stop_words.empty();
  if (text || !given || !options_.labels.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(options_.min_count ? "--min_count" : "--stop_words",
                   " is about raw text, and no data is; leave it out, or say --format=text"));
}

}  // namespace gyre::io
