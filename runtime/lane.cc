#include "runtime/lane.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/cycles.h"

namespace gyre {
namespace {

constexpr int64_t kLookNs = 20'000;  // about four times what sleeping and waking costs

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Lane::Lane(const Options& options, std::vector<Cursor*> cursors, ClockGate* gate, Env* env,
           std::atomic<int>* running)
    : options_(options), cursors_(std::move(cursors)), gate_(gate), env_(env), running_(running) {}

void Lane::Run() {
  bool finished = false;
  while (!finished) {
    if (StepAll(&finished) || finished) continue;
    const int64_t idle = Cycles();
    if (!LookAWhile(&finished) && !finished) Rest(&finished);
    const int64_t waited = Cycles() - idle;
    for (Cursor* c : cursors_) c->AddWait(waited);
  }
  running_->fetch_sub(1);
}

// One round over the cursors; true when any of them moved.
bool Lane::StepAll(bool* finished) {
  bool moved = false;
  for (Cursor* c : cursors_) {
    Cursor::State state;
    while ((state = c->Step()) == Cursor::kRan) moved = true;
    if (state == Cursor::kFinished) *finished = true;
  }
  return moved;
}

bool Lane::LookAWhile(bool* finished) {
  if (!options_.spin || !env_->MaySpin()) return false;
  int64_t until = 0;  // the time is asked for late: most waits are shorter than asking
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      if (StepAll(finished) || *finished) return true;
      Pause();
    }
    const int64_t now = env_->Nanos();
    if (until == 0) until = now + kLookNs;
    if (now > until) return false;
  }
}

bool Lane::Rest(bool* finished) {
  const uint32_t seen = env_->Observe();
  if (StepAll(finished) || *finished) {
    env_->Cancel();
    return true;
  }
  running_->fetch_sub(1);
  const bool woken = env_->Sleep(seen, env_->Nanos() + options_.stall_ns);
  // Before this lane counts again: when no other is running either, nobody is left to move
  // anything.
  const bool alone = running_->fetch_add(1) == 0;
  if (woken || StepAll(finished) || *finished || !alone) return true;
  gate_->Fail(absl::DeadlineExceededError(Report()));
  *finished = true;
  return false;
}

std::string Lane::Report() const {
  std::vector<std::string> waits;
  for (const Cursor* c : cursors_) waits.push_back(c->Waiting());
  return absl::StrCat("nothing moved for ", options_.stall_ns / 1'000'000,
                      " ms: ", absl::StrJoin(waits, "; "));
}

}  // namespace gyre
