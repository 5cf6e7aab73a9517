// Dense complex matrices of a few rows: no allocation once they have their size, no BLAS, no checks for infinities.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

namespace deeprmt::freeprob::small {

using Complex = std::complex<double>;

/// The plain product; the standard one also looks for infinities.
inline Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
inline double square(Complex a) { return a.real() * a.real() + a.imag() * a.imag(); }

struct Matrix {
  int rows = 0, cols = 0;
  std::vector<Complex> a;

  void size(int m, int n) {
    rows = m;
    cols = n;
    a.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
  }
  void zero(int m, int n) {
    size(m, n);
    std::fill(a.begin(), a.end(), Complex{});
  }
  Complex* row(int i) { return a.data() + static_cast<std::ptrdiff_t>(i) * cols; }
  const Complex* row(int i) const { return a.data() + static_cast<std::ptrdiff_t>(i) * cols; }
  Complex& operator()(int i, int j) { return row(i)[j]; }
  Complex operator()(int i, int j) const { return row(i)[j]; }
};

inline void add_multiple(Complex* y, Complex factor, const Complex* x, int n) {
  const double re = factor.real(), im = factor.imag();
  auto* out = reinterpret_cast<double*>(y);
  const auto* in = reinterpret_cast<const double*>(x);
  for (int j = 0; j < n; ++j) {
    const double u = in[2 * j], v = in[2 * j + 1];
    out[2 * j] += re * u - im * v;
    out[2 * j + 1] += re * v + im * u;
  }
}

/// out = a b; out is neither.
inline void product(const Matrix& a, const Matrix& b, Matrix& out) {
  out.zero(a.rows, b.cols);
  for (int i = 0; i < a.rows; ++i)
    for (int k = 0; k < a.cols; ++k) add_multiple(out.row(i), a(i, k), b.row(k), b.cols);
}

inline double largest(const Matrix& m) {
  double out = 0;
  for (const Complex& each : m.a) out = std::max(out, square(each));
  return std::sqrt(out);
}

/// Solves a x = b in place of b, for all columns of b, by elimination with row pivots; destroys a. The logarithm of the
/// determinant, up to multiples of 2 pi i, is added to *log_det. False if a is singular.
inline bool solve(Matrix& a, Matrix& b, Complex* log_det = nullptr) {
  const int n = a.rows;
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (square(a(i, k)) > square(a(pivot, k))) pivot = i;
    if (!(square(a(pivot, k)) > 0)) return false;
    if (pivot != k) {
      std::swap_ranges(a.row(k), a.row(k) + n, a.row(pivot));
      std::swap_ranges(b.row(k), b.row(k) + b.cols, b.row(pivot));
      if (log_det) *log_det += Complex(0, 3.14159265358979323846);
    }
    if (log_det) *log_det += std::log(a(k, k));
    const Complex inverse = 1.0 / a(k, k);
    for (int i = k + 1; i < n; ++i) {
      if (a(i, k) == 0.0) continue;
      const Complex factor = -times(a(i, k), inverse);
      add_multiple(a.row(i) + k + 1, factor, a.row(k) + k + 1, n - k - 1);
      add_multiple(b.row(i), factor, b.row(k), b.cols);
    }
  }
  for (int k = n; k-- > 0;) {
    for (int j = k + 1; j < n; ++j) add_multiple(b.row(k), -a(k, j), b.row(j), b.cols);
    const Complex inverse = 1.0 / a(k, k);
    for (int j = 0; j < b.cols; ++j) b(k, j) = times(b(k, j), inverse);
  }
  return true;
}

/// The inverse; `scratch` is overwritten.
inline bool invert(const Matrix& a, Matrix& out, Matrix& scratch, Complex* log_det = nullptr) {
  scratch.size(a.rows, a.cols);
  std::copy(a.a.begin(), a.a.end(), scratch.a.begin());
  out.zero(a.rows, a.cols);
  for (int i = 0; i < a.rows; ++i) out(i, i) = 1;
  return solve(scratch, out, log_det);
}

/// t with |m(i, j)| <= t_i t_j or not much more: the sizes that rows and columns have of their own.
inline void sizes(const Matrix& m, std::vector<double>& t) {
  const double floor = 1e-30 + 1e-15 * largest(m);
  t.resize(static_cast<std::size_t>(m.rows));
  for (int i = 0; i < m.rows; ++i) {
    double square_size = std::max(floor, std::abs(m(i, i)));
    for (int j = 0; j < m.rows; ++j) {
      const double each = std::max(std::abs(m(i, j)), std::abs(m(j, i)));
      if (j != i && each > 0) square_size = std::max(square_size, each * (each / std::max(each, std::abs(m(j, j)))));
    }
    t[static_cast<std::size_t>(i)] = std::sqrt(square_size);
  }
}

/// Makes rows and columns of m alike in size, m <- D^{-1} m D, D of powers of two.
inline void balance(Matrix& m, std::vector<double>& d) {
  const int n = m.rows;
  d.assign(static_cast<std::size_t>(n), 1.0);
  for (int sweep = 0; sweep < 20; ++sweep) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      double row = 0, column = 0;
      for (int j = 0; j < n; ++j)
        if (j != i) {
          row += std::abs(m(i, j));
          column += std::abs(m(j, i));
        }
      if (!(row > 0 && column > 0)) continue;
      const double factor = std::exp2(std::round(std::log2(row / column) / 2));
      if (factor == 1 || !std::isfinite(factor)) continue;
      changed = true;
      d[static_cast<std::size_t>(i)] *= factor;
      for (int j = 0; j < n; ++j) {
        if (j == i) continue;
        m(i, j) /= factor;
        m(j, i) *= factor;
      }
    }
    if (!changed) break;
  }
}

/// Whether the Hermitian matrix (m - m^*) / 2i is positive semidefinite up to `slack`, relative to the sizes of m's
/// rows and columns, by Cholesky's method.
inline bool imaginary_part_above(const Matrix& m, double slack, Matrix& scratch, std::vector<double>& t) {
  const int n = m.rows;
  sizes(m, t);
  scratch.size(n, n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      scratch(i, j) = (m(i, j) - std::conj(m(j, i))) * Complex(0, -0.5) +
                      (i == j ? slack * t[static_cast<std::size_t>(i)] * t[static_cast<std::size_t>(i)] : 0.0);
  for (int k = 0; k < n; ++k) {
    const double pivot = scratch(k, k).real();
    if (!(pivot > 0)) return false;
    for (int i = k + 1; i < n; ++i) {
      const Complex factor = -scratch(i, k) / pivot;
      add_multiple(scratch.row(i) + k + 1, factor, scratch.row(k) + k + 1, n - k - 1);
    }
  }
  return true;
}

/// Eigenvalues and eigenvectors (columns of unit length) of a general matrix: shifted QR steps by rotations on the
/// Hessenberg form, then back substitution. False if it does not converge. `t` and `q` are scratch.
inline bool eigen(const Matrix& m, std::vector<Complex>& values, Matrix& vectors, Matrix& t, Matrix& q) {
  const int n = m.rows;
  t = m;
  q.zero(n, n);
  for (int i = 0; i < n; ++i) q(i, i) = 1;
  // The rotation [c, s; -conj(s), c] that takes (x, y) to (r, 0).
  const auto rotation = [](Complex x, Complex y, double& c, Complex& s) {
    const double ax = std::abs(x), r = std::hypot(ax, std::abs(y));
    if (r == 0) {
      c = 1;
      s = 0;
    } else if (ax == 0) {
      c = 0;
      s = std::conj(y) / std::abs(y);
    } else {
      c = ax / r;
      s = times(x / ax, std::conj(y)) / r;
    }
  };
  const auto rotate_rows = [&](Matrix& a, int i, int k, double c, Complex s, int from) {
    for (int j = from; j < a.cols; ++j) {
      const Complex u = a(i, j), v = a(k, j);
      a(i, j) = c * u + times(s, v);
      a(k, j) = c * v - times(std::conj(s), u);
    }
  };
  const auto rotate_cols = [&](Matrix& a, int i, int k, double c, Complex s, int to) {
    for (int j = 0; j < to; ++j) {
      const Complex u = a(j, i), v = a(j, k);
      a(j, i) = c * u + times(std::conj(s), v);
      a(j, k) = c * v - times(s, u);
    }
  };
  for (int column = 0; column + 2 < n; ++column)
    for (int i = n - 1; i > column + 1; --i) {
      if (t(i, column) == 0.0) continue;
      double c;
      Complex s;
      rotation(t(i - 1, column), t(i, column), c, s);
      rotate_rows(t, i - 1, i, c, s, column);
      t(i, column) = 0;
      rotate_cols(t, i - 1, i, c, s, n);
      rotate_cols(q, i - 1, i, c, s, n);
    }
  const double scale = largest(t);
  std::vector<std::pair<double, Complex>> turns(static_cast<std::size_t>(n));
  int high = n - 1;
  for (int sweep = 0; high > 0; ++sweep) {
    if (sweep > 60 * n) return false;
    int low = high;
    while (low > 0) {
      const double near = std::abs(t(low, low)) + std::abs(t(low - 1, low - 1));
      if (std::abs(t(low, low - 1)) <= 1e-16 * (near > 0 ? near : scale)) {
        t(low, low - 1) = 0;
        break;
      }
      --low;
    }
    if (low == high) {
      --high;
      sweep = 0;
      continue;
    }
    // Wilkinson's shift: the eigenvalue of the last 2 x 2 block closer to its last entry.
    const Complex a = t(high - 1, high - 1), d = t(high, high), bc = times(t(high - 1, high), t(high, high - 1));
    const Complex half = (a - d) * 0.5, root = std::sqrt(times(half, half) + bc);
    const Complex below = square(half + root) > square(half - root) ? half + root : half - root;
    Complex shift = below == 0.0 ? d : d - bc / below;
    if (sweep % 10 == 9) shift = d + std::abs(t(high, high - 1));
    for (int k = low; k <= high; ++k) t(k, k) -= shift;
    for (int k = low; k < high; ++k) {
      auto& [c, s] = turns[static_cast<std::size_t>(k)];
      rotation(t(k, k), t(k + 1, k), c, s);
      rotate_rows(t, k, k + 1, c, s, k);
      t(k + 1, k) = 0;
    }
    for (int k = low; k < high; ++k) {
      const auto& [c, s] = turns[static_cast<std::size_t>(k)];
      rotate_cols(t, k, k + 1, c, s, k + 2);
      rotate_cols(q, k, k + 1, c, s, n);
    }
    for (int k = low; k <= high; ++k) t(k, k) += shift;
  }
  values.resize(static_cast<std::size_t>(n));
  vectors.zero(n, n);
  std::vector<Complex> y(static_cast<std::size_t>(n));
  for (int k = 0; k < n; ++k) {
    const Complex value = values[static_cast<std::size_t>(k)] = t(k, k);
    y.assign(static_cast<std::size_t>(n), Complex{});
    y[static_cast<std::size_t>(k)] = 1;
    for (int i = k; i-- > 0;) {
      Complex sum = 0;
      for (int j = i + 1; j <= k; ++j) sum += times(t(i, j), y[static_cast<std::size_t>(j)]);
      Complex gap = value - t(i, i);
      if (std::abs(gap) < 1e-16 * scale) gap = 1e-16 * scale;
      y[static_cast<std::size_t>(i)] = sum / gap;
    }
    double norm = 0;
    for (int i = 0; i < n; ++i) {
      Complex sum = 0;
      for (int j = 0; j <= k; ++j) sum += times(q(i, j), y[static_cast<std::size_t>(j)]);
      vectors(i, k) = sum;
      norm += square(sum);
    }
    for (int i = 0; i < n; ++i) vectors(i, k) /= std::sqrt(norm);
  }
  return true;
}

}  // namespace deeprmt::freeprob::small
