// The equations of a pencil, their Jacobian, and which of their unknowns are not always 0.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "pencil_work.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::Matrix;
using small::times;

// Eigenvectors worse conditioned than this lose too many digits.
constexpr double conditioned = 3e4;

/// How large the error is next to what it is an error of.
double relative(const Matrix& error, const Matrix& whole) {
  const double size = small::largest(whole);
  return size > 0 ? small::largest(error) / size : 0;
}

/// Some rows and columns.
void picked(const Matrix& m, const std::vector<int>& which, Matrix& out) {
  out.size(static_cast<int>(which.size()), static_cast<int>(which.size()));
  std::size_t k = 0;
  for (const int row : which)
    for (const int column : which) out.a[k++] = m(row, column);
}

}  // namespace

/// unknown += factor * step.
void Pencil::move(Work& w, Complex factor) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < laws_.size(); ++i)
    for (const int k : active_[i]) w.unknown[i].a[static_cast<std::size_t>(k)] += times(factor, w.step.a[at++]);
}

/// The entries of the unknowns that are not 0 for reasons of structure: words that the polynomial does not have, or
/// numbers of letters that laws do not have. Starting where iteration starts, from numbers at random in the entries
/// known to be there, the equations give others, until there are no more: then Newton's method stays within.
void Pencil::find_active() {
  Work w;
  prepare(w);
  active_.resize(laws_.size());
  std::vector<std::vector<char>> is(laws_.size());
  double size = 1;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int r = static_cast<int>(rank_[i]);
    is[i].assign(static_cast<std::size_t>(r * r), 0);
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b)
        is[i][static_cast<std::size_t>(a * r + b)] =
            a == b || (laws_[i].kind() == LetterLaw::Kind::poisson && w.core[i](a, b) != 0.0);
    size = std::max(size, small::largest(w.core[i]));
  }
  unsigned state = 12345;  // numbers at random, the same for everyone
  const auto random = [&state] {
    state = state * 1664525u + 1013904223u;
    return 0.5 + static_cast<double>(state >> 8) / 16777216.0;
  };
  for (bool grown = true; grown;) {
    grown = false;
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      const int r = static_cast<int>(rank_[i]);
      w.unknown[i].zero(r, r);
      for (std::size_t k = 0; k < is[i].size(); ++k)
        if (is[i][k]) w.unknown[i].a[k] = size * Complex(random(), random());
    }
    residual(w, size * Complex(random(), random()), size * random(), false);
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      small::invert(w.g[i], w.middle, w.scratch);
      const bool general = laws_[i].kind() == LetterLaw::Kind::general;
      for (const Matrix* each : {&w.error[i], &w.rho[i], general ? &w.middle : &w.error[i]}) {
        const double least = 1e-11 * small::largest(*each);
        for (std::size_t k = 0; k < is[i].size(); ++k)
          if (!is[i][k] && !(std::abs(each->a[k]) <= least)) is[i][k] = grown = true;
      }
    }
  }
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    unknown_first_.push_back(unknowns_);
    for (std::size_t k = 0; k < is[i].size(); ++k)
      if (is[i][k]) active_[i].push_back(static_cast<int>(k));
    unknowns_ += static_cast<Index>(active_[i].size());
  }
}

/// rho of variable i from its unknown, and how it depends on it.
void Pencil::before(Work& w, std::size_t i, bool jacobian) const {
  const LetterLaw& law = laws_[i];
  const int r = static_cast<int>(rank_[i]);
  const Matrix& unknown = w.unknown[i];
  Matrix& rho = w.rho[i];
  if (law.kind() != LetterLaw::Kind::general) {
    rho = unknown;
    return;
  }
  Matrix& m = w.omega;  // S^{-1} omega
  small::product(w.inverse_core[i], unknown, m);

  // E (m - x)^{-1}, by eigenvectors; where they are nearly parallel, the mean of two matrices close by.
  const auto decompose = [&](const Matrix& at) {
    if (r == 1) {
      w.values.assign(1, at(0, 0));
      w.vectors.zero(1, 1);
      w.vectors(0, 0) = 1;
      w.inverse_vectors = w.vectors;
      w.sizes.assign(1, 1.0);
    } else {
      w.balanced = at;
      small::balance(w.balanced, w.sizes);
      if (!small::eigen(w.balanced, w.values, w.vectors, w.schur, w.basis) ||
          !small::invert(w.vectors, w.inverse_vectors, w.scratch))
        return std::numeric_limits<double>::infinity();
    }
    const double condition = small::largest(w.inverse_vectors);
    for (int a = 0; a < r; ++a)
      for (int k = 0; k < r; ++k) {
        w.vectors(a, k) *= w.sizes[static_cast<std::size_t>(a)];
        w.inverse_vectors(k, a) /= w.sizes[static_cast<std::size_t>(a)];
      }
    w.functions.resize(static_cast<std::size_t>(r));
    w.slopes.resize(static_cast<std::size_t>(r));
    for (int k = 0; k < r; ++k) {
      const auto s = static_cast<std::size_t>(k);
      law.cauchy(w.values[s], w.functions[s], w.slopes[s]);
    }
    return condition;
  };
  const auto add_function = [&](double weight) {
    for (int a = 0; a < r; ++a)
      for (int k = 0; k < r; ++k)
        small::add_multiple(w.function.row(a),
                            weight * times(w.vectors(a, k), w.functions[static_cast<std::size_t>(k)]),
                            w.inverse_vectors.row(k), r);
  };
  w.function.zero(r, r);
  if (decompose(m) <= conditioned) {
    add_function(1);
  } else {
    w.other = m;
    small::balance(w.other, w.sizes);
    const double far = 1e-5 * small::largest(w.other);
    const std::vector<double> sizes = w.sizes;
    for (const double side : {-1.0, 1.0}) {
      w.other = m;
      for (int a = 0; a < r; ++a)
        for (int b = 0; b < r; ++b)
          w.other(a, b) += side * far * std::cos(1.0 + 2.0 * a + 5.0 * b * (a + 1)) *
                           (sizes[static_cast<std::size_t>(a)] / sizes[static_cast<std::size_t>(b)]);
      decompose(w.other);
      add_function(0.5);
    }
  }
  Matrix& mean = w.mean[i];  // E (omega - S x)^{-1}
  small::product(w.function, w.inverse_core[i], mean);
  Matrix& inverse = w.middle;
  small::invert(mean, inverse, w.scratch);
  rho.size(r, r);
  for (int a = 0; a < r; ++a)
    for (int b = 0; b < r; ++b) rho(a, b) = unknown(a, b) - inverse(a, b);
  if (!jacobian) return;

  // d mean = V (Phi o (V^{-1} S^{-1} d V)) V^{-1} S^{-1} for d omega = d, with Phi the divided differences.
  small::product(w.inverse_vectors, w.inverse_core[i], w.other);
  std::swap(w.inverse_vectors, w.other);
  Matrix& inner = w.scratch;
  inner.size(r * r, r * r);
  for (int k = 0; k < r; ++k)
    for (int l = 0; l < r; ++l) {
      const auto s = static_cast<std::size_t>(k), t = static_cast<std::size_t>(l);
      const Complex apart = w.values[s] - w.values[t];
      const Complex phi = std::abs(apart) <= 1e-6 * std::abs(w.values[s]) ? (w.slopes[s] + w.slopes[t]) * 0.5
                                                                          : (w.functions[s] - w.functions[t]) / apart;
      for (int c = 0; c < r; ++c)
        for (int d = 0; d < r; ++d)
          inner(k * r + l, c * r + d) = times(phi, times(w.inverse_vectors(k, c), w.vectors(d, l)));
    }
  // out = sum over k, l of left(a, k) right(l, b) inner(k l, .), one index after the other.
  const auto between = [&](const Matrix& left, const Matrix& right, double factor, Matrix& out) {
    Matrix& half = w.scratch2;
    half.zero(r * r, r * r);
    for (int a = 0; a < r; ++a)
      for (int k = 0; k < r; ++k)
        for (int l = 0; l < r; ++l) small::add_multiple(half.row(a * r + l), left(a, k), inner.row(k * r + l), r * r);
    out.zero(r * r, r * r);
    for (int a = 0; a < r; ++a)
      for (int l = 0; l < r; ++l)
        for (int b = 0; b < r; ++b)
          small::add_multiple(out.row(a * r + b), factor * right(l, b), half.row(a * r + l), r * r);
  };
  between(w.vectors, w.inverse_vectors, -1, w.direct[i]);
  small::product(inverse, w.vectors, w.left);
  small::product(w.inverse_vectors, inverse, w.right);
  between(w.left, w.right, 1, w.by_unknown[i]);
  for (int a = 0; a < r * r; ++a) w.by_unknown[i](a, a) += 1.0;
}

/// The residual of variable i from g: rho - R(g); or the difference of g and E (omega - S x)^{-1}, or of their inverses
/// where they are large, since Newton's method takes fright at a pole close by. Sets how far off that is, relatively.
void Pencil::after(Work& w, std::size_t i, bool jacobian) const {
  const LetterLaw& law = laws_[i];
  const int r = static_cast<int>(rank_[i]);
  const Matrix &g = w.g[i], &rho = w.rho[i];
  Matrix& error = w.error[i];
  error.size(r, r);
  w.plain[i] = false;
  w.factor[i] = 1;
  if (law.kind() == LetterLaw::Kind::general) {
    const Matrix& mean = w.mean[i];
    const double size = small::largest(mean);
    w.plain[i] = size <= 1;
    for (std::size_t k = 0; k < error.a.size(); ++k) error.a[k] = g.a[k] - mean.a[k];
    w.off = std::max(w.off, small::largest(error) / size);
    if (!jacobian) w.unmet = std::max(w.unmet, w.off);
    if (w.plain[i]) return;
    Matrix& inverse = w.middle;
    small::invert(g, inverse, w.scratch);
    for (std::size_t k = 0; k < error.a.size(); ++k)  // omega - rho is the inverse of the mean
      error.a[k] = (w.unknown[i].a[k] - rho.a[k]) - inverse.a[k];
    if (!jacobian) return;
    w.before_g[i] = w.after_g[i] = inverse;
    w.direct[i] = w.by_unknown[i];
    for (int a = 0; a < r * r; ++a) w.direct[i](a, a) -= 1.0;
    for (Complex& each : w.direct[i].a) each = -each;
    return;
  }
  if (law.kind() == LetterLaw::Kind::semicircle) {  // R(g) = variance S g S
    const Matrix& core = w.core[i];
    small::product(core, g, w.omega);
    small::product(w.omega, core, w.function);
    for (std::size_t k = 0; k < error.a.size(); ++k) error.a[k] = rho.a[k] - law.variance() * w.function.a[k];
    if (jacobian) {
      w.before_g[i] = w.after_g[i] = core;
      w.factor[i] = -law.variance();
    } else {
      w.unmet = std::max(w.unmet, relative(error, rho));
    }
    return;
  }
  // R(g) = mean (S^{-1} - jump g)^{-1}
  Matrix& inner = w.omega;
  inner = w.inverse_core[i];
  for (std::size_t k = 0; k < inner.a.size(); ++k) inner.a[k] -= law.jump() * g.a[k];
  small::invert(inner, w.function, w.scratch);
  for (int a = 0; a < r; ++a)
    for (int b = 0; b < r; ++b) error(a, b) = rho(a, b) - law.mean() * w.function(a, b);
  if (!jacobian) {
    w.unmet = std::max(w.unmet, relative(error, rho));
    return;
  }
  w.before_g[i] = w.after_g[i] = w.function;
  w.factor[i] = -law.mean() * law.jump();
}

/// G at b = diag(z, 0, ...) + i eta and the present unknowns, the residuals, and the Jacobian of all unknowns.
void Pencil::residual(Work& w, Complex z, double eta, bool jacobian) const {
  const int d = static_cast<int>(size_), ranks = static_cast<int>(ranks_), n = static_cast<int>(unknowns_);
  for (std::size_t i = 0; i < laws_.size(); ++i) before(w, i, jacobian);
  w.whole.size(d, d);
  for (int a = 0; a < d; ++a)
    for (int b = 0; b < d; ++b) w.whole(a, b) = (a == b ? Complex(0, eta) : Complex{}) - constant_(a, b);
  w.whole(0, 0) += z;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int first = static_cast<int>(first_[i]), r = static_cast<int>(rank_[i]);
    for (int a = 0; a < d; ++a)
      for (int k = 0; k < r; ++k) {
        if (frame_(a, first + k) == 0.0) continue;
        for (int b = 0; b < d; ++b) {
          Complex sum = 0;
          for (int l = 0; l < r; ++l) sum += times(w.rho[i](k, l), std::conj(frame_(b, first + l)));
          w.whole(a, b) -= times(frame_(a, first + k), sum);
        }
      }
  }
  w.log_det = 0;
  w.off = 0;
  if (!jacobian) w.unmet = 0;
  small::invert(w.whole, w.green, w.scratch, &w.log_det);
  w.frame_green.zero(ranks, d);  // U^* G
  w.green_frame.zero(d, ranks);  // G U
  for (int a = 0; a < d; ++a)
    for (int k = 0; k < ranks; ++k)
      if (frame_(a, k) != 0.0) {
        small::add_multiple(w.frame_green.row(k), std::conj(frame_(a, k)), w.green.row(a), d);
        for (int b = 0; b < d; ++b) w.green_frame(b, k) += times(w.green(b, a), frame_(a, k));
      }
  w.reduced.zero(ranks, ranks);  // U^* G U
  for (int k = 0; k < ranks; ++k)
    for (int a = 0; a < d; ++a) {
      const Complex left = std::conj(frame_(a, k));
      if (left != 0.0) small::add_multiple(w.reduced.row(k), left, w.green_frame.row(a), ranks);
    }
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int first = static_cast<int>(first_[i]), r = static_cast<int>(rank_[i]);
    w.g[i].size(r, r);
    for (int k = 0; k < r; ++k) std::copy_n(w.reduced.row(first + k) + first, r, w.g[i].row(k));
    after(w, i, jacobian);
  }
  if (!jacobian) return;
  w.jacobian.size(n, n);
  for (std::size_t j = 0; j < laws_.size(); ++j)
    if (laws_[j].kind() == LetterLaw::Kind::general) picked(w.by_unknown[j], active_[j], w.picked[j]);
  for (std::size_t i = 0; i < laws_.size(); ++i)
    for (std::size_t j = 0; j < laws_.size(); ++j) {
      // d error_i = by_g (U_i^* G U_j) d rho_j (U_j^* G U_i), and by_g is a product from both sides.
      const int fi = static_cast<int>(first_[i]), fj = static_cast<int>(first_[j]);
      const int ri = static_cast<int>(rank_[i]), rj = static_cast<int>(rank_[j]);
      Matrix &left = w.left, &right = w.right, &block = w.scratch, &other = w.scratch2;
      left.zero(ri, rj);
      right.zero(rj, ri);
      for (int a = 0; a < ri; ++a)
        for (int k = 0; k < ri; ++k)
          if (w.plain[i] ? a == k : w.before_g[i](a, k) != 0.0)
            small::add_multiple(left.row(a), w.plain[i] ? Complex(1) : w.before_g[i](a, k), w.reduced.row(fi + k) + fj,
                                rj);
      for (int e = 0; e < rj; ++e)
        for (int k = 0; k < ri; ++k) {
          if (w.plain[i])
            right(e, k) = w.reduced(fj + e, fi + k);
          else
            small::add_multiple(right.row(e), w.reduced(fj + e, fi + k), w.after_g[i].row(k), ri);
        }
      const auto &rows = active_[i], &cols = active_[j];
      block.size(static_cast<int>(rows.size()), static_cast<int>(cols.size()));
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const int x = rows[k] / ri, y = rows[k] % ri;
        Complex* out = block.row(static_cast<int>(k));
        for (std::size_t l = 0; l < cols.size(); ++l)
          out[l] = w.factor[i] * times(left(x, cols[l] / rj), right(cols[l] % rj, y));
      }
      Matrix* result = &block;
      if (laws_[j].kind() == LetterLaw::Kind::general) {
        small::product(block, w.picked[j], other);
        result = &other;
      }
      const int size = static_cast<int>(rows.size());
      for (int k = 0; k < size && i == j; ++k) {
        const int row = rows[static_cast<std::size_t>(k)];
        if (laws_[i].kind() != LetterLaw::Kind::general) {
          (*result)(k, k) += 1.0;
          continue;
        }
        for (int l = 0; l < size; ++l) (*result)(k, l) += w.direct[i](row, rows[static_cast<std::size_t>(l)]);
      }
      const int ui = static_cast<int>(unknown_first_[i]), uj = static_cast<int>(unknown_first_[j]);
      for (int k = 0; k < size; ++k) std::copy_n(result->row(k), cols.size(), w.jacobian.row(ui + k) + uj);
    }
}

/// d unknown / dx or d unknown / d eta into w.step, at the solution for which residual(..., true) was called last.
void Pencil::tangent(Work& w, bool along_x) const {
  const int d = static_cast<int>(size_);
  w.step.size(static_cast<int>(unknowns_), 1);
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int first = static_cast<int>(first_[i]), r = static_cast<int>(rank_[i]);
    w.other.size(r, r);  // -dg
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b) {
        Complex sum = 0;
        if (along_x)
          sum = times(w.frame_green(first + a, 0), w.green_frame(0, first + b));
        else
          for (int k = 0; k < d; ++k)
            sum += times(Complex(0, 1), times(w.frame_green(first + a, k), w.green_frame(k, first + b)));
        w.other(a, b) = sum;
      }
    const Matrix* out = &w.other;
    if (!w.plain[i]) {
      small::product(w.before_g[i], w.other, w.scratch2);
      small::product(w.scratch2, w.after_g[i], w.scratch);
      out = &w.scratch;
    }
    Complex* step = w.step.a.data() + unknown_first_[i];
    for (const int k : active_[i]) *step++ = w.factor[i] * out->a[static_cast<std::size_t>(k)];
  }
  if (!small::solve(w.jacobian, w.step)) std::fill(w.step.a.begin(), w.step.a.end(), Complex{});
}

/// Whether all omega are in the closed upper half-plane, and explicit rho in the lower one, up to `slack`: for eta > 0
/// there is one such solution.
bool Pencil::is_resolvent(const Work& w, double slack) const {
  Matrix flipped, scratch;
  std::vector<double> sizes;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const Matrix* each = &w.unknown[i];
    if (laws_[i].kind() != LetterLaw::Kind::general) {
      flipped = *each;
      for (Complex& x : flipped.a) x = -x;
      each = &flipped;
    }
    if (!small::imaginary_part_above(*each, slack, scratch, sizes)) return false;
  }
  return true;
}

void Pencil::prepare(Work& w) const {
  for (auto* all :
       {&w.unknown, &w.rho, &w.g, &w.error, &w.mean, &w.by_unknown, &w.before_g, &w.after_g, &w.direct, &w.picked})
    all->resize(laws_.size());
  w.factor.resize(laws_.size());
  w.plain.resize(laws_.size());
  w.core.resize(laws_.size());
  w.inverse_core.resize(laws_.size());
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    w.core[i] = plain(cores_[i]);
    small::invert(w.core[i], w.inverse_core[i], w.scratch);
  }
}

}  // namespace deeprmt::freeprob
