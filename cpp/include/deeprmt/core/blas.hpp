// BLAS and LAPACK, borrowed at run time: nothing is linked. Python hands over the routines that SciPy was built with;
// C++-only programs load a shared library. One table serves our own calls and Eigen's (EIGEN_USE_BLAS).
#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <type_traits>

#include "deeprmt/core/types.hpp"

namespace deeprmt::blas {

/// The routines that the core uses, or Eigen in programs that use it, for float ("s") and double ("d"). The letters are
/// the types of the arguments, all passed by pointer: c char, i int, x the scalar. They must equal the signature that
/// the provider states.
#define DEEPRMT_BLAS_ROUTINES(X) \
  X(axpy, "ixxixi")              \
  X(gemv, "ciixxixixxi")         \
  X(gemm, "cciiixxixixxi")       \
  X(symm, "cciixxixixxi")        \
  X(symv, "cixxixixxi")          \
  X(syrk, "cciixxixxi")          \
  X(trmm, "cccciixxixi")         \
  X(trmv, "cccixixi")            \
  X(trsm, "cccciixxixi")         \
  X(bdsqr, "ciiiixxxixixixi")    \
  X(geqrt3, "iixixii")           \
  X(gesdd, "ciixixxixixiii")     \
  X(lasdq, "ciiiiixxxixixixi")   \
  X(steqr, "cixxxixi")           \
  X(sterf, "ixxi")               \
  X(syevd, "ccixixxiiii")

enum class Routine {
#define DEEPRMT_NAME(name, letters) name,
  DEEPRMT_BLAS_ROUTINES(DEEPRMT_NAME)
#undef DEEPRMT_NAME
      count
};

/// Those that are also there for complex float ("c") and complex double ("z"). In their letters the scalar becomes k
/// (complex float) or z (complex double).
constexpr Routine complex_routines[] = {Routine::gemm, Routine::trmm, Routine::geqrt3};

/// Fills the table: `find(name, letters)` returns the address of, say, "dgemm", or throws.
/// @param provider  what the routines come from, for `deeprmt info`
void load(const std::string& provider, void* (*find)(const char* name, const char* letters));

/// Fills the table from a shared library with Fortran names, "dgemm_" or "scipy_dgemm_". Throws std::runtime_error.
void load_library(const std::string& path);

/// What the routines came from; empty before load.
const std::string& provider();

/// Which BLAS it is, with version and kernel where it says: "OpenBLAS 0.3.31 SkylakeX"; empty if it does not.
const std::string& library();

/// Whether the BLAS at hand lets us set its number of threads (OpenBLAS, MKL).
bool has_thread_control();
/// The threads that BLAS uses now; 0 if it does not say.
int get_threads();

/// Bytes that BLAS maps for each thread that is inside it at once and keeps from then on: OpenBLAS's buffers, 0
/// elsewhere.
std::int64_t buffer_size();

/// Holds BLAS to at most `n` threads while it lives. Where several live at once the smallest wins; when the last one
/// ends, the number from before the first is back. Throws OutOfMemory if a limit on the address space leaves no room
/// for BLAS's first buffer.
class Threads {
 public:
  explicit Threads(int n);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int wish_;
};

namespace detail {
/// The place of a scalar type in the table: s, d, c, z.
template <class T>
constexpr int kind = std::is_same_v<T, float>                 ? 0
                     : std::is_same_v<T, double>              ? 1
                     : std::is_same_v<T, std::complex<float>> ? 2
                                                              : 3;
void* address(Routine routine, int kind);  // throws std::logic_error before load
}  // namespace detail

/// Calls routine(args...), every argument by pointer, as Fortran wants it.
template <class T, class... P>
void call(Routine routine, P*... args) {
  reinterpret_cast<void (*)(P*...)>(detail::address(routine, detail::kind<T>))(args...);
}

/// x as a 32-bit integer, the widest that the borrowed routines take.
int narrow(Index x);

}  // namespace deeprmt::blas
