// Plan files, and whether a plan may be executed.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/compiler.h"
#include "compiler/fingerprint.h"
#include "compiler/graph/verify.h"
#include "compiler/walk.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace gyre {
namespace {

constexpr uint32_t kPlanVersion = 1;

template <class... Words>
absl::Status Misfit(const Words&... words) {
  return absl::FailedPreconditionError(absl::StrCat("plan: ", words...));
}

// The first parse error, with its line.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status ParseText(absl::string_view text, absl::string_view where, absl::string_view what,
                       absl::string_view fix, google::protobuf::Message* message) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(std::string(text), message)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(where, ":", error.text(), " - not ", what, "; ", fix));
}

std::string AxisList(const Bound& bound) {
  std::vector<std::string> parts;
  for (const Bound::Axis& a : bound.axis()) parts.push_back(absl::StrCat(a.name(), "=", a.extent()));
  return absl::StrJoin(parts, " ");
}

std::string TensorText(absl::string_view symbol, absl::string_view format, absl::string_view dtype,
                       int64_t rows, int64_t cols, int64_t nnz) {
  return absl::StrCat(symbol, " ", format, " ", dtype, " ", rows, "x", cols, " nnz ", nnz);
}

// Names the first thing in which the data differs from what was planned for.
std::string DataDifference(const Plan& plan, const Program& program, const BoundInfo& bound) {
  for (int a = 0; a < plan.bound().axis_size() && a < program.graph.axis.size; ++a) {
    const Bound::Axis& axis = plan.bound().axis(a);
    const int64_t now = bound.extent[static_cast<size_t>(a)];
    if (axis.extent() != now) {
      return absl::StrCat(axis.name(), "=", axis.extent(), " in the plan, ", axis.name(), "=", now,
                          " in the data");
    }
  }
  for (int i = 0; i < plan.bound().tensor_size() && i < static_cast<int>(bound.tensor.size()); ++i) {
    const Bound::Tensor& t = plan.bound().tensor(i);
    const TensorInfo& n = bound.tensor[static_cast<size_t>(i)];
    const std::string then = TensorText(t.symbol(), t.format(), t.dtype(), t.rows(), t.cols(), t.nnz());
    const std::string now = TensorText(n.symbol, FormatName(n.format), TypeName(n.type), n.rows, n.cols, n.nnz);
    if (then != now) return absl::StrCat(then, " in the plan, ", now, " in the data");
  }
  if (plan.bound().dtype() != TypeName(bound.type)) {
    return absl::StrCat(plan.bound().dtype(), " in the plan, ", std::string(TypeName(bound.type)),
                        " in this run");
  }
  return absl::StrCat("another shape than ", AxisList(plan.bound()));
}

}  // namespace

std::string PlanToText(const Plan& plan) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(plan, &text);
  return text;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text, absl::string_view where) {
  Plan plan;
  absl::Status status = ParseText(text, where, "a whole plan",
                                  "make it anew with `plan --out=FILE`", &plan);
  if (!status.ok()) return status;
  if (plan.version() == 0 && plan.task_size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": holds no plan; make one with `plan --out=FILE`"));
  }
  return plan;
}

void Rehash(Plan* plan) { plan->mutable_fingerprint()->set_plan(PlanFingerprint(*plan)); }

absl::Status CheckPlan(const Plan& plan, const Program& program, const BoundInfo& bound) {
  const Fingerprint& f = plan.fingerprint();
  if (plan.version() != kPlanVersion) {
    return Misfit("its format is version ", plan.version(), ", this program reads ", kPlanVersion,
                  "; plan again with `plan --out=FILE`");
  }
  if (f.program() != program.fingerprint) {
    return Misfit("made for another program (", plan.name(), "@", ShortHex(f.program()),
                  ", this one is @", ShortHex(program.fingerprint), "); plan again with `plan --out=FILE`");
  }
  if (f.kernels() != KernelsFingerprint(program)) {
    return Misfit("made for other kernels (", ShortHex(f.kernels()), ", this build has ",
                  ShortHex(KernelsFingerprint(program)), "); plan again with `plan --out=FILE`");
  }
  if (static_cast<int>(bound.extent.size()) != program.graph.axis.size || f.data() != bound.fingerprint()) {
    return Misfit("made for data of another shape (", DataDifference(plan, program, bound),
                  "); plan again for this data with `plan --out=FILE`");
  }
  if (absl::Status legal = Verify(plan); !legal.ok()) return legal;
  if (f.plan() != PlanFingerprint(plan)) {
    return Misfit("it was edited or truncated after it was made (its hash is ", ShortHex(f.plan()),
                  ", its text hashes to ", ShortHex(PlanFingerprint(plan)),
                  "); stamp an intended edit with `plan --plan=FILE --out=FILE`, or plan again");
  }
  return absl::OkStatus();
}

Profile DefaultProfile() {
  Profile p;
  p.set_name("generic 2-core");
  p.set_cores(2);
  p.set_lanes(2);
  p.set_gflops_f32(60);
  p.set_gflops_f64(30);
  p.set_memory_gbs_one(12);
  p.set_memory_gbs_all(20);
  p.set_cache_gbs_one(60);
  p.set_l1_bytes(32 << 10);
  p.set_l2_bytes(1 << 20);
  p.set_l3_bytes(16 << 20);
  p.set_random_mops_l2(300);
  p.set_random_mops_l3(120);
  p.set_random_mops_memory(25);
  p.set_shared_gbs(5);
  p.set_task_us(0.04);
  p.set_sync_us(0.2);
  p.set_network_gbs(1.2);
  p.set_rtt_us(100);
  p.set_message_us(20);
  p.set_memory_bytes(int64_t{6} << 30);
  p.set_age("pinned");
  return p;
}

absl::StatusOr<Profile> ParseProfile(absl::string_view text, absl::string_view where) {
  Profile profile;
  absl::Status status = ParseText(text, where, "a machine description",
                                  "its fields are those of gyre.Profile", &profile);
  if (!status.ok()) return status;
  const bool usable = profile.cores() > 0 && profile.gflops_f32() > 0 && profile.gflops_f64() > 0 &&
                      profile.memory_gbs_one() > 0 && profile.memory_gbs_all() > 0 &&
                      profile.cache_gbs_one() > 0 && profile.random_mops_memory() > 0 &&
                      profile.random_mops_l2() > 0 && profile.random_mops_l3() > 0 &&
                      profile.shared_gbs() > 0;
  if (!usable) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": a machine needs cores and positive rates (gflops_*, memory_gbs_*, cache_gbs_one, "
               "random_mops_*, shared_gbs); start from tools/machine.textproto"));
  }
  return profile;
}

}  // namespace gyre
