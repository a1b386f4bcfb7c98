#include "runtime/driver/model.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "runtime/driver/files.h"
#include "runtime/driver/npy.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

namespace fs = std::filesystem;
using absl::InvalidArgumentError;
using absl::StrCat;
using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr char kManifest[] = "manifest.json";

std::vector<int64_t> ShapeOf(const ir::Graph& graph, int symbol,
                             const std::vector<int64_t>& extent) {
  const ir::Symbol& s = graph.symbol[symbol];
  std::vector<int64_t> shape;
  for (int i = 0; i < s.rank; ++i) shape.push_back(extent[static_cast<size_t>(s.axis[i])]);
  return shape;
}

size_t CellsOf(const std::vector<int64_t>& shape) {
  size_t cells = 1;
  for (int64_t extent : shape) cells *= static_cast<size_t>(extent);
  return cells;
}

Json ManifestOf(const Program& program, const Model& model) {
  const ir::Graph& graph = program.graph;
  Json json;
  json["format"] = "gyre model";
  json["version"] = kVersion;
  json["program"] = model.program;
  json["fingerprint"] = absl::StrFormat("%016x", program.fingerprint);
  json["dtype"] = model.type == Type::kFloat32 ? "float32" : "float64";
  json["extent"] = Json::object();
  for (int a = 0; a < graph.axis.size; ++a) {
    json["extent"][std::string(graph.axis[a].name)] = model.extent[static_cast<size_t>(a)];
  }
  json["hyper"] = Json::object();
  for (int hyper : SymbolsOf(graph, ir::Kind::kHyper)) {
    json["hyper"][NameOf(graph, hyper)] = model.hyper[static_cast<size_t>(hyper)];
  }
  json["parameter"] = Json::array();
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (model.parameter[static_cast<size_t>(s)].empty()) continue;
    const std::string name = NameOf(graph, s);
    Json axes = Json::array();
    for (int i = 0; i < graph.symbol[s].rank; ++i) {
      axes.push_back(std::string(graph.axis[graph.symbol[s].axis[i]].name));
    }
    json["parameter"].push_back({{"name", name},
                                 {"file", name + ".npy"},
                                 {"axes", std::move(axes)},
                                 {"shape", ShapeOf(graph, s, model.extent)}});
  }
  if (!model.path.empty()) {
    Json values = Json::array();
    for (const ModelStep& step : model.path) values.push_back(step.value);
    json["path"] = {{"hyper", model.path_hyper}, {"value", std::move(values)}};
  }
  json["label"] = Json::object();
  for (const auto& [symbol, names] : model.label) json["label"][NameOf(graph, symbol)] = names;
  json["column"] = Json::object();
  for (const auto& [symbol, names] : model.column) json["column"][NameOf(graph, symbol)] = names;
  json["transform"] = Json::object();
  for (const auto& [symbol, transform] : model.transform) {
    json["transform"][NameOf(graph, symbol)] = {{"center", transform.center},
                                                {"scale", transform.scale}};
  }
  return json;
}

absl::Status WriteSteps(const std::string& folder, const Program& program, const Model& model,
                        int symbol) {
  std::vector<int64_t> shape = ShapeOf(program.graph, symbol, model.extent);
  shape.insert(shape.begin(), static_cast<int64_t>(model.path.size()));
  std::vector<double> values;
  for (const ModelStep& step : model.path) {
    const std::vector<double>& each = step.parameter[static_cast<size_t>(symbol)];
    values.insert(values.end(), each.begin(), each.end());
  }
  return WriteNpy(StrCat(folder, "/", NameOf(program.graph, symbol), ".path.npy"), shape, values);
}

absl::Status WriteFolder(const std::string& folder, const Program& program, const Model& model) {
  absl::Status status = MakeFolders(folder);
  for (int s = 0; s < program.graph.symbol.size && status.ok(); ++s) {
    const std::vector<double>& values = model.parameter[static_cast<size_t>(s)];
    if (values.empty()) continue;
    status = WriteNpy(StrCat(folder, "/", NameOf(program.graph, s), ".npy"),
                      ShapeOf(program.graph, s, model.extent), values);
    if (status.ok() && !model.path.empty()) status = WriteSteps(folder, program, model, s);
  }
  for (const auto& [name, text] : model.picture)
    if (status.ok()) status = WriteFile(StrCat(folder, "/", name), text);
  if (!status.ok()) return status;
  return WriteFile(StrCat(folder, "/", kManifest), ManifestOf(program, model).dump(1) + "\n");
}

std::string Trimmed(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

// Puts `fresh` in the place of `folder`, which may hold an older model.
absl::Status Replace(const std::string& fresh, const std::string& folder) {
  std::error_code error;
  const std::string old = StrCat(folder, ".old-", getpid());
  const bool replaces = fs::exists(folder);
  if (replaces) fs::rename(folder, old, error);
  if (!error) fs::rename(fresh, folder, error);
  if (error) return InvalidArgumentError(StrCat("cannot write ", folder, ": ", error.message()));
  if (replaces) fs::remove_all(old, error);
  return absl::OkStatus();
}

// Checked access to a manifest: every miss is one line with the file's name.
class Manifest {
 public:
  Manifest(const std::string& path, Json json) : path_(path), json_(std::move(json)) {}

  absl::Status Fail(absl::string_view what) const {
    return InvalidArgumentError(StrCat(path_, ": ", what, "; train the model again"));
  }
  const Json* Find(const char* key, Json::value_t type) const {
    const auto at = json_.find(key);
    return at != json_.end() && at->type() == type ? &*at : nullptr;
  }
  std::string Text(const char* key) const {
    const Json* value = Find(key, Json::value_t::string);
    return value == nullptr ? "" : value->get<std::string>();
  }

 private:
  std::string path_;
  Json json_;
};

bool ReadStrings(const Json& json, std::vector<std::string>* out) {
  if (!json.is_array()) return false;
  for (const Json& each : json) {
    if (!each.is_string()) return false;
    out->push_back(each.get<std::string>());
  }
  return true;
}

bool ReadNumbers(const Json& json, std::vector<double>* out) {
  if (!json.is_array()) return false;
  for (const Json& each : json) {
    if (!each.is_number()) return false;
    out->push_back(each.get<double>());
  }
  return true;
}

absl::Status ReadExtents(const Manifest& manifest, const ir::Graph& graph, Model* model) {
  const Json* extents = manifest.Find("extent", Json::value_t::object);
  for (int a = 0; a < graph.axis.size; ++a) {
    const std::string name(graph.axis[a].name);
    if (extents == nullptr || !extents->contains(name) || !(*extents)[name].is_number_integer()) {
      return manifest.Fail(StrCat("has no extent of ", name));
    }
    model->extent[static_cast<size_t>(a)] = (*extents)[name].get<int64_t>();
  }
  return absl::OkStatus();
}

absl::Status ReadHypers(const Manifest& manifest, const ir::Graph& graph, Model* model) {
  const Json* hypers = manifest.Find("hyper", Json::value_t::object);
  for (int hyper : SymbolsOf(graph, ir::Kind::kHyper)) {
    const std::string name = NameOf(graph, hyper);
    if (hypers == nullptr || !hypers->contains(name) || !(*hypers)[name].is_number()) {
      return manifest.Fail(StrCat("has no value of hyper-parameter ", name));
    }
    model->hyper[static_cast<size_t>(hyper)] = (*hypers)[name].get<double>();
  }
  return absl::OkStatus();
}

absl::Status ReadNames(const Manifest& manifest, const char* key, const ir::Graph& graph,
                       std::map<int, std::vector<std::string>>* out) {
  const Json* names = manifest.Find(key, Json::value_t::object);
  if (names == nullptr) return manifest.Fail(StrCat("has no \"", key, "\""));
  for (const auto& [name, list] : names->items()) {
    const int symbol = FindSymbol(graph, name);
    if (symbol < 0 || !ReadStrings(list, &(*out)[symbol])) {
      return manifest.Fail(StrCat("has an unreadable \"", key, "\" of ", name));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTransforms(const Manifest& manifest, const ir::Graph& graph, Model* model) {
  const Json* transforms = manifest.Find("transform", Json::value_t::object);
  if (transforms == nullptr) return manifest.Fail("has no \"transform\"");
  for (const auto& [name, each] : transforms->items()) {
    const int symbol = FindSymbol(graph, name);
    ColumnTransform transform;
    const bool readable = symbol >= 0 && graph.symbol[symbol].rank >= 2 && each.is_object() &&
                          each.contains("center") && each.contains("scale") &&
                          ReadNumbers(each["center"], &transform.center) &&
                          ReadNumbers(each["scale"], &transform.scale);
    size_t cols = readable ? 1 : 0;
    for (int a = 1; readable && a < graph.symbol[symbol].rank; ++a)
      cols *= static_cast<size_t>(model->extent[static_cast<size_t>(graph.symbol[symbol].axis[a])]);
    if (!readable || transform.center.size() != cols || transform.scale.size() != cols) {
      return manifest.Fail(StrCat("has an unreadable transform of ", name));
    }
    model->transform[symbol] = std::move(transform);
  }
  return absl::OkStatus();
}

absl::Status ReadParameters(const Manifest& manifest, const std::string& folder,
                            const ir::Graph& graph, Model* model) {
  const Json* parameters = manifest.Find("parameter", Json::value_t::array);
  if (parameters == nullptr) return manifest.Fail("lists no parameters");
  for (const Json& each : *parameters) {
    const Json name = each.is_object() ? each.value("name", Json()) : Json();
    const int symbol = name.is_string() ? FindSymbol(graph, name.get<std::string>()) : -1;
    if (symbol < 0 || !IsState(graph.symbol[symbol].kind)) {
      return manifest.Fail("lists a parameter the program does not have");
    }
    const std::string path = StrCat(folder, "/", NameOf(graph, symbol), ".npy");
    absl::StatusOr<NpyArray> array = ReadNpy(path);
    if (!array.ok()) return array.status();
    const std::vector<int64_t> shape = ShapeOf(graph, symbol, model->extent);
    if (array->shape != shape) {
      return InvalidArgumentError(
          StrCat(path, ": has another shape than its manifest says; train the model again"));
    }
    model->parameter[static_cast<size_t>(symbol)] = std::move(array->values);
  }
  for (int p : SymbolsOf(graph, ir::Kind::kParam)) {
    if (model->parameter[static_cast<size_t>(p)].size() !=
        CellsOf(ShapeOf(graph, p, model->extent))) {
      return manifest.Fail(StrCat("lists no parameter ", NameOf(graph, p)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckModelFolder(const std::string& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error) &&
      !fs::exists(StrCat(folder, "/", kManifest), error)) {
    return InvalidArgumentError(
        StrCat(folder, ": is there and is no model; choose another folder with --model_out"));
  }
  constexpr char kBeside[] = ".probe";  // a model is made beside its place
  const absl::Status beside = CheckWritable(Trimmed(folder) + kBeside);
  return beside.ok() ? beside
                     : InvalidArgumentError(absl::StrReplaceAll(beside.message(), {{kBeside, ""}}));
}

absl::Status SaveModel(const std::string& folder, const Program& program, const Model& model) {
  absl::Status allowed = CheckModelFolder(folder);
  if (!allowed.ok()) return allowed;
  std::error_code error;
  const std::string trimmed = Trimmed(folder);
  const std::string fresh = StrCat(trimmed, ".tmp-", getpid());
  absl::Status status = WriteFolder(fresh, program, model);
  if (status.ok()) status = Replace(fresh, trimmed);
  if (!status.ok()) fs::remove_all(fresh, error);
  return status;
}

absl::StatusOr<Model> LoadModel(const std::string& folder, const Program& program) {
  const std::string path = StrCat(folder, "/", kManifest);
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) {
    return absl::NotFoundError(
        StrCat(folder, ": holds no model (no manifest.json); give the folder a run printed"));
  }
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const ir::Graph& graph = program.graph;
  const Manifest manifest(path, std::move(json));
  if (manifest.Text("format") != "gyre model") return manifest.Fail("is no readable manifest");
  if (manifest.Text("fingerprint") != absl::StrFormat("%016x", program.fingerprint)) {
    return InvalidArgumentError(StrCat(path, ": is a model of another program (",
                                       manifest.Text("program"), ", ", manifest.Text("fingerprint"),
                                       "; this is ", absl::StrFormat("%016x", program.fingerprint),
                                       ")"));
  }
  Model model;
  model.program = manifest.Text("program");
  model.type = manifest.Text("dtype") == "float32" ? Type::kFloat32 : Type::kFloat64;
  model.extent.resize(static_cast<size_t>(graph.axis.size));
  model.hyper.resize(static_cast<size_t>(graph.symbol.size));
  model.parameter.resize(static_cast<size_t>(graph.symbol.size));
  absl::Status status = ReadExtents(manifest, graph, &model);
  if (status.ok()) status = ReadHypers(manifest, graph, &model);
  if (status.ok()) status = ReadNames(manifest, "label", graph, &model.label);
  if (status.ok()) status = ReadNames(manifest, "column", graph, &model.column);
  if (status.ok()) status = ReadTransforms(manifest, graph, &model);
  if (status.ok()) status = ReadParameters(manifest, folder, graph, &model);
  if (!status.ok()) return status;
  return model;
}

}  // namespace gyre::driver
