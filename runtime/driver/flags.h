// Commands and flags, as tables: what parsing, help and suggestions share.
#pragma once
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/driver/options.h"

namespace gyre::driver {

struct CommandName {
  const char* name;
  Command command;
  const char* words;
};
absl::Span<const CommandName> Commands();
absl::string_view CommandWord(Command command);

constexpr unsigned Bit(Command command) { return 1u << static_cast<unsigned>(command); }

struct Flag {
  const char* name;
  const char* value;  // what stands after '='; nullptr: a switch
  const char* words;
  unsigned commands;  // Bit()s of those that take it
  absl::Status (*set)(absl::string_view text, Options* out);
};
absl::Span<const Flag> Flags();
const Flag* FindFlag(absl::string_view name);  // null: none

// "; did you mean --x?", or "" when nothing is near enough to be what was meant.
std::string Nearest(absl::string_view name, const std::vector<std::string>& known,
                    absl::string_view dashes);

}  // namespace gyre::driver
