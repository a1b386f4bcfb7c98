#include "runtime/driver/interrupt.h"

#include <unistd.h>

namespace gyre::driver {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // else a handler may not touch it

// Async-signal-safe: an atomic, write and _exit only.
void Handle(int signal) {
  if (stop.exchange(true)) _exit(128 + signal);
  constexpr char kWords[] = "\nstopping at the next boundary; once more to abort\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kWords, sizeof(kWords) - 1);
}

}  // namespace

InterruptScope::InterruptScope() {
  stop = false;
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
}

const std::atomic<bool>* InterruptScope::flag() const { return &stop; }

}  // namespace gyre::driver
