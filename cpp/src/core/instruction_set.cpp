#include "deeprmt/core/instruction_set.hpp"

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"

namespace deeprmt {
namespace {

InstructionSet highest() {
#if DEEPRMT_HAS_CLONES
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return InstructionSet::v4;
  if (__builtin_cpu_supports("x86-64-v3")) return InstructionSet::v3;
#endif
  return InstructionSet::baseline;
}

}  // namespace

namespace detail {
// Zero before it is initialised, which is the baseline: right even for a loop that runs before this.
InstructionSet chosen_set = highest();
}  // namespace detail

const char* name(InstructionSet set) {
#ifdef __x86_64__
  constexpr const char* names[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
#else
  constexpr const char* names[] = {"baseline", "", ""};
#endif
  return names[static_cast<int>(set)];
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> found;
  for (const auto set : {InstructionSet::baseline, InstructionSet::v3, InstructionSet::v4})
    if (set <= highest()) found.push_back(set);
  return found;
}

InstructionSet instruction_set() { return detail::chosen_set; }

void use_instruction_set(const std::string& wish) {
  std::string known;
  for (const auto set : available_instruction_sets()) {
    if (wish == name(set)) {
      detail::chosen_set = set;
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(name(set));
  }
  check::fail("use_instruction_set: this machine and this build have ", known, ", got \"", wish, "\"");
}

}  // namespace deeprmt
