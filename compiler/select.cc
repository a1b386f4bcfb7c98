#include "compiler/select.h"

#include <algorithm>
#include <functional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace gyre {
namespace {

// One pin: its flag, what was asked for, which options meet it, and the flag value of an option.
struct Pin {
  std::string flag, value;
  std::function<bool(const Strategy&)> meets;
  std::function<std::string(const Strategy&)> name;
};

std::string BridgeFlag(int lag) {
  if (lag < 0) return "async";
  return lag <= 1 ? "bsp" : "ssp:S";
}

std::string PartitionFlag(const Problem& p, const Strategy& s) {
  return PartitionName(p, s);
}

std::string TopologyFlag(const Strategy& s) {
  switch (s.topology) {
    case Table::STAR: return "star";
    case Table::P2P: return "p2p";
    case Table::RING: return "ring";
    case Table::HALTON: return "halton";
    default: return "auto";
  }
}

std::string StorageFlag(const Strategy& s) {
  return s.storage == Table::REPLICA ? "replica" : "central";
}

std::string ScheduleName(const Strategy& s) {
  return s.update.update.select().empty() ? "auto" : s.update.update.select();
}

std::string SamplerName(const Strategy& s) {
  return s.update.update.sampler().empty() ? "auto" : s.update.update.sampler();
}

bool MeetsPartition(const Problem& p, absl::string_view value, const Strategy& s) {
  const std::string name = PartitionName(p, s);
  return name == value || absl::StartsWith(name, absl::StrCat(value, "["));
}

std::vector<Pin> PinsOf(const Problem& p) {
  const Request& r = *p.request;
  std::vector<Pin> pins;
  const auto add = [&](const char* flag, const std::string& value,
                       std::function<bool(const Strategy&)> meets,
                       std::function<std::string(const Strategy&)> name) {
    if (value != "auto") pins.push_back({flag, value, std::move(meets), std::move(name)});
  };
  add("partition", r.partition,
      [&p](const Strategy& s) { return MeetsPartition(p, p.request->partition, s); },
      [&p](const Strategy& s) { return PartitionFlag(p, s); });
  const std::string bridge = absl::StartsWith(r.bridge, "ssp") ? "ssp:S" : r.bridge;
  add("bridge", r.bridge, [bridge](const Strategy& s) { return BridgeFlag(s.lag) == bridge; },
      [](const Strategy& s) { return BridgeFlag(s.lag); });
  add("storage", r.storage, [&r](const Strategy& s) { return StorageFlag(s) == r.storage; },
      StorageFlag);
  add("topology", r.topology, [&r](const Strategy& s) { return TopologyFlag(s) == r.topology; },
      TopologyFlag);
  add("payload", r.payload, [&r](const Strategy& s) { return PayloadName(s.payload) == r.payload; },
      [](const Strategy& s) { return PayloadName(s.payload); });
  add("update", r.update, [&r](const Strategy& s) { return s.update.update.rule() == r.update; },
      [](const Strategy& s) { return s.update.update.rule(); });
  add("schedule", r.schedule,
      [&r](const Strategy& s) { return s.update.update.select() == r.schedule; }, ScheduleName);
  add("sampler", r.sampler,
      [&r](const Strategy& s) { return s.update.update.sampler() == r.sampler; }, SamplerName);
  return pins;
}

bool MeetsAllBut(const std::vector<Pin>& pins, size_t skip, const Strategy& s) {
  for (size_t i = 0; i < pins.size(); ++i) {
    if (i != skip && !pins[i].meets(s)) return false;
  }
  return true;
}

void AddOnce(std::string name, std::vector<std::string>* names) {
  if (std::find(names->begin(), names->end(), name) == names->end()) {
    names->push_back(std::move(name));
  }
}

// The values of pin `i` that some executable option has, with the other pins met as well (or not).
std::vector<std::string> LegalValues(const std::vector<Option>& options,
                                     const std::vector<Pin>& pins, size_t i, bool others) {
  std::vector<std::string> names;
  for (const Option& o : options) {
    if (o.executable && (!others || MeetsAllBut(pins, i, o.strategy))) {
      AddOnce(pins[i].name(o.strategy), &names);
    }
  }
  return names;
}

// The reason of the option that comes closest to the pins: the one that misses by least.
std::string ReasonFor(const std::vector<Option>& options, const std::vector<Pin>& pins, size_t only) {
  const auto count = [&](const Strategy& s) {
    size_t met = 0;
    for (const Pin& pin : pins) met += pin.meets(s) ? 1 : 0;
    return met;
  };
  const Option* best = nullptr;
  size_t most = 0;
  for (const Option& o : options) {
    if (o.executable || !pins[only].meets(o.strategy)) continue;
    // Of those that miss equally, the rule that folds most freely says most about what is missing.
    const size_t met = count(o.strategy) * 8 + (o.legal ? 4 : 0) + static_cast<size_t>(Table::COMPLETE - o.strategy.update.fold);
    if (best == nullptr || met > most) best = &o, most = met;
  }
  return best == nullptr ? "no such strategy for this program" : best->reason;
}

// The pins but one, as flags.
std::string OtherFlags(const std::vector<Pin>& pins, size_t but) {
  std::vector<std::string> rest;
  for (size_t k = 0; k < pins.size(); ++k) {
    if (k != but) rest.push_back(absl::StrCat("--", pins[k].flag, "=", pins[k].value));
  }
  return absl::StrJoin(rest, " ");
}

// What may stand in place of pin `i`: beside the other pins if anything may.
std::string Instead(const std::vector<Option>& options, const std::vector<Pin>& pins, size_t i) {
  const std::vector<std::string> beside = LegalValues(options, pins, i, true);
  if (pins.size() > 1 && !beside.empty()) {
    return absl::StrCat("; with ", OtherFlags(pins, i), " legal: ", absl::StrJoin(beside, ", "));
  }
  const std::vector<std::string> any = LegalValues(options, pins, i, false);
  return any.empty() ? "" : absl::StrCat("; legal here: ", absl::StrJoin(any, ", "));
}

absl::Status Refuse(const std::vector<Option>& options, const std::vector<Pin>& pins) {
  for (size_t i = 0; i < pins.size(); ++i) {
    const bool alone = std::any_of(options.begin(), options.end(), [&](const Option& o) {
      return o.executable && pins[i].meets(o.strategy);
    });
    if (alone) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--", pins[i].flag, "=", pins[i].value, ": ", ReasonFor(options, pins, i),
                     Instead(options, pins, i)));
  }
  for (size_t i = 0; i < pins.size(); ++i) {
    if (LegalValues(options, pins, i, true).empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat("--", pins[i].flag, "=", pins[i].value, ": ",
                                                   ReasonFor(options, pins, i),
                                                   Instead(options, pins, i)));
  }
  if (pins.empty()) {
    for (const Option& o : options) {
      if (!o.executable) return absl::InvalidArgumentError(absl::StrCat("no plan: ", o.reason));
    }
  }
  return absl::InvalidArgumentError("the pins given cannot be met together; leave one at auto");
}

absl::Status CheckWord(absl::string_view flag, absl::string_view value,
                       const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": expected one of ",
                                                 absl::StrJoin(known, ", ")));
}

absl::Status CheckBridge(absl::string_view bridge) {
  absl::string_view text = bridge;
  int s = 0;
  if (absl::ConsumePrefix(&text, "ssp:")) {
    if (absl::SimpleAtoi(text, &s) && s >= 1 && s <= 1000) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("--bridge=", bridge, ": ssp:S needs a bound S from 1 to 1000, as in ssp:2"));
  }
  return CheckWord("bridge", bridge, {"auto", "bsp", "ssp:S", "async"});
}

absl::Status CheckNumbers(const Request& r) {
  const auto bad = [](absl::string_view flag, auto value, absl::string_view want) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": ", want));
  };
  if (r.workers < 0 || r.workers > 1024) return bad("workers", r.workers, "expected auto or 1 to 1024");
  if (r.lanes < 0) return bad("lanes", r.lanes, "expected auto or a positive number");
  if (r.batch < 0) return bad("batch", r.batch, "expected a positive number of rows");
  if (r.step && !(*r.step > 0)) return bad("step", *r.step, "expected a positive number");
  if (r.momentum && !(*r.momentum >= 0 && *r.momentum < 1)) {
    return bad("momentum", *r.momentum, "expected a number from 0 to below 1");
  }
  if (r.decay && !(*r.decay >= 0)) return bad("decay", *r.decay, "expected a number from 0");
  if (r.coupling && !(*r.coupling > 0 && *r.coupling <= 1)) {
    return bad("coupling", *r.coupling, "expected a number above 0, at most 1");
  }
  if (r.shards < 0 || r.shards > 1024) return bad("shards", r.shards, "expected 1 to 1024");
  if (r.shards > 1 && r.cluster == "embedded") {
    return bad("shards", r.shards, "needs a parameter server; use --cluster=local");
  }
  if (r.bandwidth > 0 && r.cluster == "embedded") {
    return bad("bandwidth", absl::StrCat(r.bandwidth * 8e-6, "Mbit"), "nothing travels within one process; use --cluster=local");
  }
  if (r.order != "auto" && r.cluster == "embedded") {
    return bad("order", r.order, "nothing travels within one process; use --cluster=local");
  }
  if (r.codec != "auto" && r.cluster == "embedded") {
    return bad("codec", r.codec, "nothing travels within one process; use --cluster=local");
  }
  if (r.processes > 1 && r.cluster == "embedded") {
    return bad("cluster", "embedded", "is one process; use --cluster=local for several");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckWords(const Request& r) {
  absl::string_view kind = r.partition;
  kind = kind.substr(0, kind.find('['));
  absl::Status status = CheckWord("partition", kind, {"auto", "data", "model", "hybrid"});
  if (status.ok()) status = CheckBridge(r.bridge);
  if (status.ok()) status = CheckWord("storage", r.storage, {"auto", "central", "replica"});
  if (status.ok()) status = CheckWord("topology", r.topology, {"auto", "star", "p2p", "ring", "halton"});
  if (status.ok()) status = CheckWord("payload", r.payload, {"auto", "full", "sparse", "factors", "moves"});
  if (status.ok()) status = CheckWord("order", r.order, {"auto", "clock", "magnitude", "deadline", "fifo", "random"});
  if (status.ok()) status = CheckWord("codec", r.codec, {"auto", "exact", "f32", "bf16", "fp16"});
  if (status.ok()) {
    status = CheckWord("update", r.update,
                       {"auto", "fista", "lbfgs", "owlqn", "sgd", "adagrad", "adam", "cd", "sdca",
                        "mspg", "dsgd", "als", "gibbs"});
  }
  if (status.ok()) {
    status = CheckWord("step_schedule", r.step_schedule, {"auto", "constant", "inverse", "sqrt"});
  }
  if (status.ok()) {
    status = CheckWord("schedule", r.schedule,
                       {"auto", "sets", "sap", "priority", "dependency", "uniform"});
  }
  if (status.ok()) status = CheckWord("sampler", r.sampler, {"auto", "dense", "sparse"});
  return status.ok() ? CheckNumbers(r) : status;
}

absl::StatusOr<size_t> Select(const Problem& problem, const std::vector<Option>& options) {
  const std::vector<Pin> pins = PinsOf(problem);
  size_t best = options.size();
  for (size_t i = 0; i < options.size(); ++i) {
    if (!options[i].executable || !MeetsAllBut(pins, pins.size(), options[i].strategy)) continue;
    // A later option must be clearly better: equal ones are left in the order of preference.
    if (best == options.size() || options[i].total_ms() < 0.98 * options[best].total_ms()) best = i;
  }
  if (best == options.size()) return Refuse(options, pins);
  return best;
}

bool IsPinned(const Request& r, absl::string_view question) {
  if (question == "distribute") return r.partition != "auto" || r.workers > 0;
  if (question == "bridge") return r.bridge != "auto";
  if (question == "communicate") return r.storage != "auto" || r.topology != "auto";
  if (question == "payload") return r.payload != "auto" || r.codec != "auto";
  if (question == "schedule") return r.schedule != "auto";
  if (question == "sampler") return r.sampler != "auto";
  return r.update != "auto";
}

}  // namespace gyre
