// Which instruction set the leaf loops of core/clones.hpp use: chosen once, from what the machine has.
#pragma once

#include <string>
#include <vector>

namespace deeprmt {

/// Levels of the x86-64 psABI; other machines know only the first, what the compiler was told.
enum class InstructionSet { baseline, v3, v4 };

/// "x86-64", "x86-64-v3" or "x86-64-v4"; "baseline" on other machines.
const char* name(InstructionSet set);

/// Those that this machine has and this build carries, ascending; never empty.
std::vector<InstructionSet> available_instruction_sets();

/// What is in use: at first the highest that is available.
InstructionSet instruction_set();

/// Uses the set of this name from here on; not while kernels run. For tests: results of samplers stay the same to the
/// bit, others to rounding. Throws std::invalid_argument, with the names that there are, if it is not available.
void use_instruction_set(const std::string& name);

}  // namespace deeprmt
