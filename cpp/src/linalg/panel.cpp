#include "panel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "pack.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index leaf = 8;  // reflectors at a time; their sums stay in registers

/// Entries after which a sum goes on in double precision: the roundings of a longer one in float add up.
constexpr Index stretch = 8192;

/// x_i -= c_i v for the `count` rows x_i of `block` and the row v before them, which is then scaled; at the same time
/// sums_i = x_0 . x_i of the new rows. Rows are `size` long; without v where `scale` is zero.
template <Index count, class T>
DEEPRMT_LEAF void pass_fixed(T* block, Index ld, Index size, bool first, const T* c, T scale, T* sums) {
  T* last = block - ld;
  const Index whole = size / pack<T> * pack<T>;
  double totals[count] = {};
  Index l = 0;
  do {
    LoosePack<T> parts[count] = {};
    for (const Index end = std::min(l + stretch, whole); l < end; l += pack<T>) {
      LoosePack<T> x[count];
      for (Index i = 0; i < count; ++i) x[i] = loose(block + i * ld + l);
      if (!first) {
        LoosePack<T>& v = loose(last + l);
        for (Index i = 0; i < count; ++i) {
          x[i] -= c[i] * v;
          loose(block + i * ld + l) = x[i];
        }
        v *= scale;
      }
      for (Index i = 0; i < count; ++i) parts[i] += x[0] * x[i];
    }
    for (Index i = 0; i < count; ++i) totals[i] += static_cast<double>(sum_at<T>(&parts[i]));
  } while (l < whole);
  for (Index i = 0; i < count; ++i) sums[i] = static_cast<T>(totals[i]);
  for (; l < size; ++l) {
    if (!first) {
      for (Index i = 0; i < count; ++i) block[i * ld + l] -= c[i] * last[l];
      last[l] *= scale;
    }
    for (Index i = count - 1; i >= 0; --i) sums[i] += block[l] * block[i * ld + l];
  }
}

template <class T>
DEEPRMT_LEAF void pass_loop(T* block, Index ld, Index count, Index size, bool first, const T* c, T scale, T* sums) {
  switch (count) {
    case 1:
      return pass_fixed<1>(block, ld, size, first, c, scale, sums);
    case 2:
      return pass_fixed<2>(block, ld, size, first, c, scale, sums);
    case 3:
      return pass_fixed<3>(block, ld, size, first, c, scale, sums);
    case 4:
      return pass_fixed<4>(block, ld, size, first, c, scale, sums);
    case 5:
      return pass_fixed<5>(block, ld, size, first, c, scale, sums);
    case 6:
      return pass_fixed<6>(block, ld, size, first, c, scale, sums);
    case 7:
      return pass_fixed<7>(block, ld, size, first, c, scale, sums);
    default:
      return pass_fixed<leaf>(block, ld, size, first, c, scale, sums);
  }
}

constexpr Index most = 64;     // rows of a panel
constexpr Index chunk = 2048;  // bytes of a row at a time: eight rows of that stay in the nearest cache

/// sums[i][r] += v_r . x_i for eight rows of v and `count` rows of x, `packs` packs of them.
template <Index count, class T>
DEEPRMT_LEAF void dots_fixed(const T* v, const T* x, Index ld, Index packs, T* sums) {
  LoosePack<T> parts[count][leaf];
  for (Index i = 0; i < count; ++i)
    for (Index r = 0; r < leaf; ++r) parts[i][r] = loose(sums + (i * leaf + r) * pack<T>);
  for (Index l = 0; l < packs * pack<T>; l += pack<T>) {
    LoosePack<T> y[count];
    for (Index i = 0; i < count; ++i) y[i] = loose(x + i * ld + l);
    for (Index r = 0; r < leaf; ++r)
      for (Index i = 0; i < count; ++i) parts[i][r] += loose(v + r * ld + l) * y[i];
  }
  for (Index i = 0; i < count; ++i)
    for (Index r = 0; r < leaf; ++r) loose(sums + (i * leaf + r) * pack<T>) = parts[i][r];
}

/// products[i][r] = v_r . x_i for eight rows of v and `rows` <= most rows of x.
template <class T>
DEEPRMT_LEAF void dots_loop(const T* v, const T* x, Index ld, Index rows, Index size, T (*products)[leaf]) {
  constexpr Index row = leaf * pack<T>;
  alignas(64) T sums[most * row];
  const Index whole = size / pack<T> * pack<T>;
  constexpr Index step = chunk / static_cast<Index>(sizeof(T));
  double totals[most][leaf];
  for (Index i = 0; i < rows; ++i) std::fill_n(totals[i], leaf, 0.0);
  for (Index begin = 0; begin < whole; begin += stretch) {
    const Index end = std::min(begin + stretch, whole);
    std::fill_n(sums, rows * row, T(0));
    for (Index l = begin; l < end; l += step) {
      const Index packs = std::min(step, end - l) / pack<T>;
      Index i = 0;
      for (; i + 3 <= rows; i += 3) dots_fixed<3>(v + l, x + i * ld + l, ld, packs, sums + i * row);
      for (; i < rows; ++i) dots_fixed<1>(v + l, x + i * ld + l, ld, packs, sums + i * row);
    }
    for (Index i = 0; i < rows; ++i)
      for (Index r = 0; r < leaf; ++r) totals[i][r] += static_cast<double>(sum_at<T>(sums + i * row + r * pack<T>));
  }
  for (Index i = 0; i < rows; ++i)
    for (Index r = 0; r < leaf; ++r) {
      T dot = static_cast<T>(totals[i][r]);
      for (Index l = whole; l < size; ++l) dot += v[r * ld + l] * x[i * ld + l];
      products[i][r] = dot;
    }
}

/// x_i -= sum over r of c[i][r] v_r, for `count` rows of x.
template <Index count, class T>
DEEPRMT_LEAF void turn_fixed(const T* v, T* x, Index ld, Index packs, const T (*c)[leaf]) {
  for (Index l = 0; l < packs * pack<T>; l += pack<T>) {
    LoosePack<T> y[count];
    for (Index i = 0; i < count; ++i) y[i] = loose(x + i * ld + l);
    for (Index r = 0; r < leaf; ++r)
      for (Index i = 0; i < count; ++i) y[i] -= c[i][r] * loose(v + r * ld + l);
    for (Index i = 0; i < count; ++i) loose(x + i * ld + l) = y[i];
  }
}

template <class T>
DEEPRMT_LEAF void turn_loop(const T* v, T* x, Index ld, Index rows, Index size, const T (*c)[leaf]) {
  const Index whole = size / pack<T> * pack<T>;
  constexpr Index step = chunk / static_cast<Index>(sizeof(T));
  for (Index l = 0; l < whole; l += step) {
    const Index packs = std::min(step, whole - l) / pack<T>;
    Index i = 0;
    for (; i + 3 <= rows; i += 3) turn_fixed<3>(v + l, x + i * ld + l, ld, packs, c + i);
    for (; i < rows; ++i) turn_fixed<1>(v + l, x + i * ld + l, ld, packs, c + i);
  }
  for (Index i = 0; i < rows; ++i)
    for (Index l = whole; l < size; ++l) {
      T sum = 0;
      for (Index r = 0; r < leaf; ++r) sum += c[i][r] * v[r * ld + l];
      x[i * ld + l] -= sum;
    }
}

template <class T>
class Panel {
 public:
  Panel(MatOut<T> vt, MatOut<T> rows, MatOut<T> t)
      : v_(vt.data()),
        rows_(rows.data()),
        t_(t.data()),
        b_(vt.rows()),
        m_(vt.cols()),
        ld_(vt.outerStride()),
        ld_r_(rows.outerStride()),
        ld_t_(t.outerStride()) {}

  void factor() {
    for (Index k = 0; k < b_; k += leaf) {
      const Index b = std::min(leaf, b_ - k), next = k + b, rest = b_ - next;
      reflectors(k, b);
      T inner[most][leaf];  // v_r . v_i for these r and all i so far
      dots(k, b, 0, next, inner);
      triangle(k, b, inner);
      if (rest == 0) break;
      // The other rows x: x -= T^T (V^T x) V^T.
      dots(k, b, next, rest, inner);
      for (Index i = 0; i < rest; ++i)
        for (Index r = b - 1; r >= 0; --r) {
          T sum = 0;
          for (Index l = 0; l <= r; ++l) sum += lower_[k + r][k + l] * inner[i][l];
          inner[i][r] = sum;
        }
      clones<turn_loop<T>>(v_ + k * ld_ + k, v_ + next * ld_ + k, ld_, rest, m_ - k, inner);
    }
    for (Index j = 0; j < b_; ++j)
      for (Index i = 0; i <= j; ++i) t_[i * ld_t_ + j] = lower_[j][i];
  }

 private:
  /// The reflectors [k, k + b), whose rows the earlier ones have been applied to.
  void reflectors(Index k, Index b) {
    // What the reflectors before have left in these rows is done with.
    for (Index j = k; j < k + b; ++j) take(j, 0, k);
    T c[leaf], sums[leaf], scale = 0;
    for (Index j = 0; j < b; ++j) {
      T* x = v_ + (k + j) * ld_ + k + j;  // x[0] is the pivot
      const Index tail = m_ - k - j - 1;
      if (j > 0) {  // the pivot's column, by the reflector before
        for (Index i = j; i < b; ++i) v_[(k + i) * ld_ + k + j] -= c[i - j] * x[-ld_];
        x[-ld_] *= scale;
      }
      clones<pass_loop<T>>(x + 1, ld_, b - j, tail, j == 0, c, scale, sums);
      T alpha = x[0], up = 1;
      constexpr T small = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
      const T square = alpha * alpha + sums[0];
      if (!(sums[0] >= small && square < 1 / small)) up = rescale(x, tail, b - j, sums);
      alpha *= up;
      T beta = alpha;
      if (sums[0] == 0) {  // nothing to do: H = I
        tau_[j] = scale = 0;
        std::fill_n(c, leaf, T(0));
      } else {
        beta = -std::copysign(std::sqrt(alpha * alpha + sums[0]), alpha);
        tau_[j] = (beta - alpha) / beta;
        scale = 1 / (alpha - beta);
        for (Index i = 1; i < b - j; ++i) {
          T& pivot = x[i * ld_];
          const T product = tau_[j] * (pivot + scale * sums[i]);
          pivot -= product;
          c[i - 1] = product * scale;
        }
      }
      x[0] = beta / up;
    }
    T* last = v_ + (k + b - 1) * ld_;
    for (Index l = k + b; l < m_; ++l) last[l] *= scale;
    for (Index j = 0; j < b; ++j) {
      take(k + j, k, k + j + 1);
      v_[(k + j) * ld_ + k + j] = 1;
    }
  }

  /// Moves entries [from, to) of row j to where the result lies.
  void take(Index j, Index from, Index to) {
    std::copy(v_ + j * ld_ + from, v_ + j * ld_ + to, rows_ + j * ld_r_ + from);
    std::fill(v_ + j * ld_ + from, v_ + j * ld_ + to, T(0));
  }

  /// Where squares under- or overflow: the row becomes a power of two times itself, which is returned, and the sums
  /// those of it.
  T rescale(T* x, Index tail, Index count, T* sums) const {
    T largest = 0;
    for (Index l = 1; l <= tail; ++l) largest = std::max(largest, std::abs(x[l]));
    if (largest == 0) std::fill_n(sums, count, T(0));
    if (largest == 0 || !std::isfinite(largest)) return 1;
    largest = std::max(largest, std::abs(x[0]));
    double totals[leaf] = {};
    const int least = std::numeric_limits<T>::min_exponent, greatest = std::numeric_limits<T>::max_exponent;
    const T up = std::ldexp(T(1), std::clamp(-std::ilogb(largest), least, greatest - 2));
    for (Index l = 1; l <= tail; ++l) {
      x[l] *= up;
      for (Index i = 0; i < count; ++i) totals[i] += static_cast<double>(x[l] * x[i * ld_ + l]);
    }
    for (Index i = 0; i < count; ++i) sums[i] = static_cast<T>(totals[i]);
    return up;
  }

  /// products[i][r] = v_(k + r) . row first + i, over the columns from k on; r < b, i < count.
  void dots(Index k, Index b, Index first, Index count, T (*products)[leaf]) const {
    const T *v = v_ + k * ld_ + k, *x = v_ + first * ld_ + k;
    if (b == leaf) return clones<dots_loop<T>>(v, x, ld_, count, m_ - k, products);
    for (Index i = 0; i < count; ++i)
      for (Index r = 0; r < b; ++r) {
        double sum = 0;
        for (Index l = 0; l < m_ - k; ++l) sum += static_cast<double>(v[r * ld_ + l] * x[i * ld_ + l]);
        products[i][r] = static_cast<T>(sum);
      }
  }

  /// Rows [k, k + b) of T^T: row j is -tau_j times the sum of (v_j . v_i) times row i, and tau_j on the diagonal.
  void triangle(Index k, Index b, const T (*inner)[leaf]) {
    for (Index r = 0; r < b; ++r) {
      T* row = lower_[k + r];
      std::fill_n(row, most, T(0));
      for (Index i = 0; i < k + r; ++i) {
        const T factor = -tau_[r] * inner[i][r];
        for (Index l = 0; l <= i; ++l) row[l] += factor * lower_[i][l];
      }
      row[k + r] = tau_[r];
    }
  }

  T *v_, *rows_, *t_;
  Index b_, m_, ld_, ld_r_, ld_t_;
  T tau_[leaf], lower_[most][most];
};

}  // namespace

template <class T>
void factor_panel(MatOut<T> vt, MatOut<T> rows, MatOut<T> t) {
  check::that(vt.rows() <= most, "factor_panel: at most ", most, " reflectors, got ", vt.rows());
  Panel<T>(vt, rows, t).factor();
}

#define DEEPRMT_INSTANTIATE(T) template void factor_panel<T>(MatOut<T>, MatOut<T>, MatOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
