// The compiled module: loads BLAS from SciPy, installs the Ctrl-C poll, calls one bind function a domain.
#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "bind.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/instruction_set.hpp"
#include "deeprmt/core/memory.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::bind {
namespace {

/// The types in a capsule's C signature, one letter an argument, as in core/blas.hpp.
std::string letters_of(std::string signature) {
  const auto open = signature.find('('), close = signature.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return "?";
  std::string letters;
  std::string argument;
  for (auto i = open + 1; i <= close; ++i) {
    if (signature[i] != ',' && i != close) {
      if (signature[i] != ' ') argument += signature[i];
      continue;
    }
    const bool pointer = !argument.empty() && argument.back() == '*';
    if (pointer) argument.pop_back();
    const auto ends = [&](const char* tail) { return argument.ends_with(tail); };
    if (!pointer)
      letters += '?';
    else if (argument == "char")
      letters += 'c';
    else if (argument == "int")
      letters += 'i';
    else if (ends("double_complex") || ends("_z"))
      letters += 'z';
    else if (ends("float_complex") || ends("_c"))
      letters += 'k';
    else if (argument == "double" || ends("_d"))
      letters += 'd';
    else if (argument == "float" || ends("_s"))
      letters += 's';
    else
      letters += '?';
    argument.clear();
  }
  return letters;
}

void* scipy_routine(const char* name, const char* letters) {
  for (const char* module : {"scipy.linalg.cython_blas", "scipy.linalg.cython_lapack"}) {
    const py::dict api = py::module_::import(module).attr("__pyx_capi__");
    if (!api.contains(name)) continue;
    const py::capsule capsule = api[name];
    const std::string found = letters_of(capsule.name());
    if (found != letters)
      throw py::import_error("deeprmt: SciPy's " + std::string(name) + " has the signature \"" + capsule.name() +
                             "\", wanted arguments of types " + letters +
                             " (32-bit integers); please report this with "
                             "your SciPy version");
    return capsule.get_pointer();
  }
  throw py::import_error("deeprmt: this SciPy exports no " + std::string(name));
}

bool signal_pending() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#else
  return "unknown";
#endif
}

/// Lets DEEPRMT_INSTRUCTION_SET force a lower instruction set, for tests. A word that cannot be meant is an error: what
/// was to be tested would not be.
void choose_instruction_set() {
  const char* wish = std::getenv("DEEPRMT_INSTRUCTION_SET");
  if (!wish || !*wish) return;
  try {
    use_instruction_set(wish);
  } catch (const std::invalid_argument& error) {
    throw py::import_error(std::string("deeprmt: the environment variable DEEPRMT_INSTRUCTION_SET: ") + error.what());
  }
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto set : available_instruction_sets()) names.emplace_back(name(set));
  return names;
}

}  // namespace

void raise_out_of_memory(const std::bad_alloc& error) {
  std::string text = error.what();
  if (!dynamic_cast<const OutOfMemory*>(&error)) {
    const AddressSpace space = address_space();
    text = "its work needs more memory than ";
    text += space.limited() ? "the " + shown_size(space.bytes) + " that " + space.limit + " leaves" : "there is";
  }
  const std::string function = py::str(py::module_::import("deeprmt._memory").attr("public_caller")());
  throw OutOfMemory(function + ": " + text);
}

PYBIND11_MODULE(_core, m) {
  const std::string scipy = py::str(py::module_::import("scipy").attr("__version__"));
  choose_instruction_set();
  blas::load("SciPy " + scipy, scipy_routine);
  set_interrupt_poll(signal_pending);

  m.doc() = "The compiled core of deeprmt.";
  m.def("build_info", [] {
    py::dict info;
    info["version"] = DEEPRMT_VERSION;
    info["compiler"] = compiler();
    info["instruction_set"] = name(instruction_set());
    info["instruction_sets"] = instruction_sets();
    info["openmp"] = _OPENMP;
    info["blas_provider"] = blas::provider();
    info["blas_library"] = blas::library();
    info["blas_threads"] = blas::get_threads();
    info["blas_thread_control"] = blas::has_thread_control();
    return info;
  });
  m.def("allowed_threads", &allowed_threads);
  bind_ensembles(m.def_submodule("ensembles"));
  bind_freeprob(m.def_submodule("freeprob"));
  bind_jacobian(m.def_submodule("jacobian"));
  bind_laws(m.def_submodule("laws"));
  bind_linalg(m.def_submodule("linalg"));
  bind_meanfield(m.def_submodule("meanfield"));
  bind_nonlinear(m.def_submodule("nonlinear"));
  bind_random(m.def_submodule("random"));
  bind_spectra(m.def_submodule("spectra"));
  bind_tails(m.def_submodule("tails"));
}

}  // namespace deeprmt::bind
