#include "deeprmt/core/blas.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>

#include "deeprmt/core/memory.hpp"

namespace deeprmt::blas {
namespace {

constexpr int count = static_cast<int>(Routine::count);
struct Entry {
  const char* name;
  const char* letters;
};
constexpr std::array<Entry, count> entries{{
#define DEEPRMT_ENTRY(name, letters) {#name, letters},
    DEEPRMT_BLAS_ROUTINES(DEEPRMT_ENTRY)
#undef DEEPRMT_ENTRY
}};

struct Table {
  std::array<std::array<void*, 4>, count> address{};  // by kind of scalar: s, d, c, z
  std::string provider, library;
  int (*get_threads)() = nullptr;
  void (*set_threads)(int) = nullptr;
  std::int64_t buffer = 0;
} table;

/// "OpenBLAS 0.3.31 SkylakeX" from a handle whose names begin with `prefix`; empty if it is no OpenBLAS.
/// Its configuration reads "OpenBLAS 0.3.31 NO_AFFINITY ...": the first two words count.
std::string openblas_name(void* handle, const std::string& prefix) {
  const auto text = [&](const char* name) -> std::string {
    const auto get = reinterpret_cast<const char* (*)()>(dlsym(handle, (prefix + name).c_str()));
    const char* found = get ? get() : nullptr;
    return found ? found : "";
  };
  const std::string config = text("openblas_get_config"), core = text("openblas_get_corename");
  auto end = config.find(' ');
  if (end != std::string::npos && end + 1 < config.size() && std::isdigit(static_cast<unsigned char>(config[end + 1])))
    end = config.find(' ', end + 1);
  const std::string name = config.substr(0, end);
  return name.empty() || core.empty() ? name : name + " " + core;
}

/// Name and thread control are no part of BLAS: look for them in the library that holds dgemm, and in what that
/// library is linked to.
void find_library() {
  static constexpr const char* names[][2] = {
      {"scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"},
      {"openblas_get_num_threads", "openblas_set_num_threads"},
      {"MKL_Get_Max_Threads", "MKL_Set_Num_Threads"},
  };
  table.get_threads = nullptr;
  table.set_threads = nullptr;
  Dl_info where{};
  if (!dladdr(table.address[static_cast<int>(Routine::gemm)][1], &where) || !where.dli_fname) return;
  void* handle = dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (!handle) return;
  for (const auto& [get, set] : names) {
    void* getter = dlsym(handle, get);
    void* setter = dlsym(handle, set);
    if (getter && setter) {
      table.get_threads = reinterpret_cast<int (*)()>(getter);
      table.set_threads = reinterpret_cast<void (*)(int)>(setter);
      break;
    }
  }
  for (const auto& [prefix, buffer] : {std::pair{"scipy_", 32}, std::pair{"", 128}}) {
    if (!table.library.empty()) break;
    table.library = openblas_name(handle, prefix);
    table.buffer = table.library.empty() ? 0 : std::int64_t{buffer} << 20;
  }
  if (table.library.empty() && dlsym(handle, "MKL_Get_Max_Threads")) table.library = "MKL";
  dlclose(handle);
}

std::mutex wishes_mutex;
std::multiset<int> wishes;
int before_wishes = 0;

/// Whether there is room for `count` more buffers.
void require_room(std::int64_t count) {
  const AddressSpace space = address_space();
  const std::int64_t need = count * (table.buffer + (std::int64_t{1} << 20));
  if (space.bytes < need)
    throw OutOfMemory("BLAS needs " + shown_size(need) + " of memory for its buffers, but " + space.limit + " leaves " +
                      shown_size(space.bytes));
}

/// OpenBLAS keeps a buffer for each caller that is inside it at once, and tries for ever to get one where a limit on
/// the address space leaves no room. So the first is taken here, where the lack of it can still be told.
void take_first_buffer() {
  static std::atomic<bool> taken{false};
  if (taken || table.buffer == 0) return;
  require_room(1);
  const int one = 1;
  const double x = 0, zero = 0;
  double y = 0;
  call<double>(Routine::syrk, "U", "N", &one, &one, &zero, &x, &one, &zero, &y, &one);
  taken = true;
}

void apply_wishes() { table.set_threads(std::min(before_wishes, *wishes.begin())); }

}  // namespace

void load(const std::string& provider, void* (*find)(const char*, const char*)) {
  Table fresh;
  fresh.provider = provider;
  const auto take = [&](int routine, int kind) {
    std::string letters = entries[routine].letters;
    std::replace(letters.begin(), letters.end(), 'x', "sdkz"[kind]);
    fresh.address[routine][kind] = find(("sdcz"[kind] + std::string(entries[routine].name)).c_str(), letters.c_str());
  };
  for (int r = 0; r < count; ++r)
    for (const int kind : {0, 1}) take(r, kind);
  for (const Routine r : complex_routines)
    for (const int kind : {2, 3}) take(static_cast<int>(r), kind);
  table = fresh;
  find_library();
}

void load_library(const std::string& path) {
  static void* handle = nullptr;
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error("load_library: cannot open " + path + ": " + dlerror());
  load(path, [](const char* name, const char*) {
    const std::string symbol = std::string(name) + "_";
    void* found = dlsym(handle, symbol.c_str());
    if (!found) found = dlsym(handle, ("scipy_" + symbol).c_str());
    if (!found) throw std::runtime_error("load_library: no routine " + symbol);
    return found;
  });
}

const std::string& provider() { return table.provider; }
const std::string& library() { return table.library; }
bool has_thread_control() { return table.set_threads != nullptr; }
int get_threads() { return table.get_threads ? table.get_threads() : 0; }

std::int64_t buffer_size() { return table.buffer; }

Threads::Threads(int n) : wish_(std::max(n, 1)) {
  take_first_buffer();
  if (!has_thread_control()) return;
  const std::lock_guard lock(wishes_mutex);
  if (wishes.empty()) before_wishes = table.get_threads();
  wishes.insert(wish_);
  apply_wishes();
}

Threads::~Threads() {
  if (!has_thread_control()) return;
  const std::lock_guard lock(wishes_mutex);
  wishes.erase(wishes.find(wish_));
  if (wishes.empty())
    table.set_threads(before_wishes);
  else
    apply_wishes();
}

namespace detail {
void* address(Routine routine, int kind) {
  void* found = table.address[static_cast<int>(routine)][kind];
  if (!found) throw std::logic_error("deeprmt: BLAS is not loaded");
  return found;
}
}  // namespace detail

int narrow(Index x) {
  if (x > std::numeric_limits<int>::max())
    throw std::invalid_argument("deeprmt: a dimension of " + std::to_string(x) +
                                " exceeds what 32-bit BLAS can address");
  return static_cast<int>(x);
}

}  // namespace deeprmt::blas

// What Eigen calls under EIGEN_USE_BLAS. The names are hidden: they never meet those of another library in the process.
using deeprmt::blas::call;
using deeprmt::blas::Routine;

#define DEEPRMT_FORWARD(prefix, T)                                                                                     \
  int prefix##gemm_(const char* ta, const char* tb, const int* m, const int* n, const int* k, const T* alpha,          \
                    const T* a, const int* lda, const T* b, const int* ldb, const T* beta, T* c, const int* ldc) {     \
    call<T>(Routine::gemm, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                      \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##gemv_(const char* t, const int* m, const int* n, const T* alpha, const T* a, const int* lda, const T* x, \
                    const int* incx, const T* beta, T* y, const int* incy) {                                           \
    call<T>(Routine::gemv, t, m, n, alpha, a, lda, x, incx, beta, y, incy);                                            \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##symm_(const char* side, const char* uplo, const int* m, const int* n, const T* alpha, const T* a,        \
                    const int* lda, const T* b, const int* ldb, const T* beta, T* c, const int* ldc) {                 \
    call<T>(Routine::symm, side, uplo, m, n, alpha, a, lda, b, ldb, beta, c, ldc);                                     \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##symv_(const char* uplo, const int* n, const T* alpha, const T* a, const int* lda, const T* x,            \
                    const int* incx, const T* beta, T* y, const int* incy) {                                           \
    call<T>(Routine::symv, uplo, n, alpha, a, lda, x, incx, beta, y, incy);                                            \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##syrk_(const char* uplo, const char* t, const int* n, const int* k, const T* alpha, const T* a,           \
                    const int* lda, const T* beta, T* c, const int* ldc) {                                             \
    call<T>(Routine::syrk, uplo, t, n, k, alpha, a, lda, beta, c, ldc);                                                \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##trsm_(const char* side, const char* uplo, const char* t, const char* diag, const int* m, const int* n,   \
                    const T* alpha, const T* a, const int* lda, T* b, const int* ldb) {                                \
    call<T>(Routine::trsm, side, uplo, t, diag, m, n, alpha, a, lda, b, ldb);                                          \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##trmm_(const char* side, const char* uplo, const char* t, const char* diag, const int* m, const int* n,   \
                    const T* alpha, const T* a, const int* lda, T* b, const int* ldb) {                                \
    call<T>(Routine::trmm, side, uplo, t, diag, m, n, alpha, a, lda, b, ldb);                                          \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##trmv_(const char* uplo, const char* t, const char* diag, const int* n, const T* a, const int* lda, T* x, \
                    const int* incx) {                                                                                 \
    call<T>(Routine::trmv, uplo, t, diag, n, a, lda, x, incx);                                                         \
    return 0;                                                                                                          \
  }                                                                                                                    \
  int prefix##axpy_(const int* n, const T* alpha, const T* x, const int* incx, T* y, const int* incy) {                \
    call<T>(Routine::axpy, n, alpha, x, incx, y, incy);                                                                \
    return 0;                                                                                                          \
  }

extern "C" {
DEEPRMT_FORWARD(s, float)
DEEPRMT_FORWARD(d, double)
}
