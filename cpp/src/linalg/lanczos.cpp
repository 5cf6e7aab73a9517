#include "deeprmt/linalg/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/random.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index piece = 4096;  // w stays in the cache while the basis streams by

/// out = V w, V (rows, size) with rows `stride` apart.
template <class T>
void inner_products(const T* v, Index stride, Index rows, const T* w, Index size, T* out) {
  const int m = static_cast<int>(size), k = blas::narrow(rows), ld = blas::narrow(stride), one = 1;
  const T alpha = 1, beta = 0;
  blas::call<T>(blas::Routine::gemv, "T", &m, &k, &alpha, v, &ld, w, &one, &beta, out, &one);
}

/// w -= V^T c.
template <class T>
void subtract(const T* v, Index stride, Index rows, const T* c, T* w, Index size) {
  const int m = static_cast<int>(size), k = blas::narrow(rows), ld = blas::narrow(stride), one = 1;
  const T alpha = -1, beta = 1;
  blas::call<T>(blas::Routine::gemv, "N", &m, &k, &alpha, v, &ld, c, &one, &beta, w, &one);
}

template <class T>
double squared_length(const T* w, Index size) {
  T out;
  inner_products(w, size, 1, w, size, &out);
  return static_cast<double>(out);
}

}  // namespace

template <class T>
void probes(std::uint64_t key, std::uint32_t first, bool gaussian, MatOut<T> out, int threads) {
  const Index n = out.cols();
  if (n == 0) return;
  parallel_for(out.rows(), useful_threads(60.0 * static_cast<double>(out.size()), threads), [&](Index i) {
    const Stream stream{key, first + static_cast<std::uint32_t>(i), 0};
    T* x = &out(i, 0);
    double square = 0;
    for (Index at = 0; at < n; at += piece) {
      const Index size = std::min(piece, n - at);
      if (gaussian) {
        double draw[piece];  // double for both types, so that they describe the same probe
        normals<double>(stream, static_cast<std::uint64_t>(at), draw, size);
        for (Index j = 0; j < size; ++j) {
          x[at + j] = static_cast<T>(draw[j]);
          square += draw[j] * draw[j];
        }
      } else {
        float draw[piece];
        uniforms<float>(stream, static_cast<std::uint64_t>(at), draw, size);
        for (Index j = 0; j < size; ++j) x[at + j] = draw[j] < 0.5f ? T(-1) : T(1);
        square += static_cast<double>(size);
      }
    }
    const double length = std::sqrt(square);
    for (Index j = 0; j < n; ++j) x[j] = static_cast<T>(x[j] / length);
  });
}

template <class T>
void orthonormal_step(T* basis, Index capacity, Place place, MatOut<T> w, VecOut<double> on_last,
                      VecOut<double> on_before, VecOut<double> norm, int threads) {
  const Index p = w.rows(), n = w.cols(), used = place.used;
  check::that(used <= capacity && place.last < used && place.before < used && place.next < capacity && place.next >= 0,
              "orthonormal_step: rows used, last, before, next must lie in the basis of ", capacity, ", got ", used,
              ", ", place.last, ", ", place.before, ", ", place.next);
  on_last.setZero();
  on_before.setZero();
  norm.setZero();
  if (p == 0 || n == 0) return;
  const Index pieces = (n + piece - 1) / piece;
  const auto sequence = [&](Index i) { return basis + i * capacity * n; };
  // Pieces of sequences over threads; `only` says which sequences take part.
  std::vector<char> only(p, 1);
  // Entries are streamed from memory, which counts for more than their flops.
  const auto for_pieces = [&](double work_per_entry, const auto& body) {
    const double work = work_per_entry * static_cast<double>(p) * static_cast<double>(n);
    parallel_blas_for(p * pieces, useful_threads(work, threads), [&](Index task) {
      const Index i = task / pieces, at = task % pieces * piece;
      if (only[i]) body(i, task, at, std::min(piece, n - at));
    });
  };
  // Sums of pieces in fixed order, in double.
  std::vector<double> square(p * pieces);
  std::vector<T> parts(p * pieces * std::max<Index>(used, 2)), coefficient(p * std::max<Index>(used, 2));
  const auto length = [&](Index i) {
    double sum = 0;
    for (Index k = 0; k < pieces; ++k) sum += square[i * pieces + k];
    return std::sqrt(sum);
  };
  const auto sum_parts = [&](Index i, Index count) {
    for (Index r = 0; r < count; ++r) {
      double sum = 0;
      for (Index k = 0; k < pieces; ++k) sum += static_cast<double>(parts[(i * pieces + k) * count + r]);
      coefficient[i * count + r] = static_cast<T>(sum);
    }
  };

  // The two newest vectors.
  const Index newest[2] = {place.last, place.before};
  for_pieces(30, [&](Index i, Index task, Index at, Index size) {
    square[task] = squared_length(&w(i, at), size);
    for (int r = 0; r < 2; ++r)
      if (newest[r] >= 0)
        inner_products(sequence(i) + newest[r] * n + at, n, 1, &w(i, at), size, &parts[task * 2 + r]);
      else
        parts[task * 2 + r] = 0;
  });
  Vec<double> whole(p), before(p);
  for (Index i = 0; i < p; ++i) {
    sum_parts(i, 2);
    whole[i] = length(i);
    on_last[i] = static_cast<double>(coefficient[2 * i]);
    on_before[i] = static_cast<double>(coefficient[2 * i + 1]);
  }
  for_pieces(40, [&](Index i, Index task, Index at, Index size) {
    for (int r = 0; r < 2; ++r)
      if (newest[r] >= 0) subtract(sequence(i) + newest[r] * n + at, n, 1, &coefficient[2 * i + r], &w(i, at), size);
    square[task] = squared_length(&w(i, at), size);
  });
  for (Index i = 0; i < p; ++i) before[i] = norm[i] = length(i);

  // All that are kept.
  for (int pass = 0; pass < 3 && used > 0; ++pass) {
    for_pieces(10.0 * static_cast<double>(used), [&](Index i, Index task, Index at, Index size) {
      inner_products(sequence(i) + at, n, used, &w(i, at), size, &parts[task * used]);
    });
    for (Index i = 0; i < p; ++i) {
      if (!only[i]) continue;
      sum_parts(i, used);
      if (place.last >= 0) on_last[i] += static_cast<double>(coefficient[i * used + place.last]);
      if (place.before >= 0) on_before[i] += static_cast<double>(coefficient[i * used + place.before]);
    }
    for_pieces(10.0 * static_cast<double>(used), [&](Index i, Index task, Index at, Index size) {
      subtract(sequence(i) + at, n, used, &coefficient[i * used], &w(i, at), size);
      square[task] = squared_length(&w(i, at), size);
    });
    bool again = false;
    for (Index i = 0; i < p; ++i) {
      if (!only[i]) continue;
      norm[i] = length(i);
      only[i] = norm[i] < 0.7 * before[i];
      before[i] = norm[i];
      again = again || only[i];
    }
    if (!again) break;
  }
  // What three passes still shorten, or what is shorter than the rounding of w, has no direction of its own.
  const double rounding = std::numeric_limits<T>::epsilon() * std::sqrt(static_cast<double>(n));
  for (Index i = 0; i < p; ++i) {
    if ((only[i] && used > 0) || norm[i] <= rounding * whole[i]) norm[i] = 0;
    only[i] = 1;
  }
  for_pieces(15, [&](Index i, Index, Index at, Index size) {
    T* out = sequence(i) + place.next * n + at;
    const double by = norm[i];
    for (Index j = 0; j < size; ++j) out[j] = by == 0 ? T(0) : static_cast<T>(w(i, at + j) / by);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                 \
  template void probes<T>(std::uint64_t, std::uint32_t, bool, MatOut<T>, int); \
  template void orthonormal_step<T>(T*, Index, Place, MatOut<T>, VecOut<double>, VecOut<double>, VecOut<double>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
