// The compiled module: loads BLAS from SciPy, installs the Ctrl-C poll, calls one bind function a domain.
#include <algorithm>
#include <string>

#include "bind.hpp"
#include "deeprmt/core/blas.hpp"

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

/// The instruction set that the run-time dispatched loops use on this machine.
std::string instruction_set() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    return "x86-64-v4 (AVX-512)";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "x86-64-v3 (AVX2)";
  return "x86-64 (SSE2)";
#elif defined(__aarch64__)
  return "aarch64 (NEON)";
#else
  return "generic";
#endif
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  const std::string scipy = py::str(py::module_::import("scipy").attr("__version__"));
  blas::load("SciPy " + scipy, scipy_routine);
  set_interrupt_poll(signal_pending);

  m.doc() = "The compiled core of deeprmt.";
  m.def("build_info", [] {
    py::dict info;
    info["version"] = DEEPRMT_VERSION;
    info["compiler"] = compiler();
    info["instruction_set"] = instruction_set();
    info["openmp"] = _OPENMP;
    info["blas_provider"] = blas::provider();
    info["blas_library"] = blas::library();
    info["blas_threads"] = blas::get_threads();
    info["blas_thread_control"] = blas::has_thread_control();
    return info;
  });
  bind_ensembles(m.def_submodule("ensembles"));
  bind_freeprob(m.def_submodule("freeprob"));
  bind_jacobian(m.def_submodule("jacobian"));
  bind_laws(m.def_submodule("laws"));
  bind_linalg(m.def_submodule("linalg"));
  bind_random(m.def_submodule("random"));
  bind_spectra(m.def_submodule("spectra"));
  bind_tails(m.def_submodule("tails"));
}

}  // namespace deeprmt::bind
