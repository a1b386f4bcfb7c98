// Fingerprints that guard a plan: of the program, of the shape of its data, of the kernels it names,
// and of the plan's own text.
#pragma once
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "compiler/plan.pb.h"
#include "dsl/program.h"

namespace gyre {

// Raised when what a kernel receives changes (KernelArgs, PostArgs, SweepArgs).
inline constexpr uint64_t kKernelAbi = 2;

// Of the ABI and the keys of all kernels the program has, not of the binary: another build of the
// same program runs the same plan.
uint64_t KernelsFingerprint(const Program& program);

// Of the plan without this very field.
uint64_t PlanFingerprint(const Plan& plan);

// The key of a pass in the kernel registry: "7c41d0e9.../step".
std::string KernelKey(const Program& program, absl::string_view node);

std::string Hex(uint64_t value);        // 16 digits
std::string ShortHex(uint64_t value);   // the first 8

}  // namespace gyre
