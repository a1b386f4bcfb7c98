// Choosing among candidates under the user's pins.
#pragma once
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/candidate.h"

namespace gyre {

// Whether the pins are words this planner knows ("--bridge=spp:2" is not).
absl::Status CheckWords(const Request& request);

// The position of the cheapest executable option that meets every pin. An illegal pin is refused with
// the reason and the choices that are legal.
absl::StatusOr<size_t> Select(const Problem& problem, const std::vector<Option>& options);

// Whether the pin of question "distribute", "bridge", "communicate", "payload" or "update" was given.
bool IsPinned(const Request& request, absl::string_view question);

}  // namespace gyre
