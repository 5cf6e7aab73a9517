#include "deeprmt/freeprob/pencil.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "small_complex.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::Matrix;
using small::times;

constexpr double pi = std::numbers::pi;
constexpr double nearest = 1e-10;  // the least eta above 0
constexpr double least_density = 1e-9;
constexpr Index patience = 600;                             // Newton steps at a point
constexpr double topmost_rung = 1e-3, lowest_rung = 1e-30;  // of the reach: between them a ladder stands
// Eigenvectors worse conditioned than this lose too many digits.
constexpr double conditioned = 3e4;

/// (w - centre) / radius, the root of its square less 1, and the inverse of Joukowski's map, of modulus at most 1.
struct Joukowski {
  Complex zeta, root, inside;
  Joukowski(Complex w, double centre, double radius) {
    zeta = (Complex(w.real(), w.imag() + 0.0) - centre) / radius;  // -0.0 would be the limit from below
    root = std::sqrt(zeta - 1.0) * std::sqrt(zeta + 1.0);
    inside = 1.0 / (zeta + root);
  }
};

/// Some rows and columns.
void picked(const Matrix& m, const std::vector<int>& which, Matrix& out) {
  out.size(static_cast<int>(which.size()), static_cast<int>(which.size()));
  std::size_t k = 0;
  for (const int row : which)
    for (const int column : which) out.a[k++] = m(row, column);
}

Matrix plain(const Mat<Complex>& m) {
  Matrix out;
  out.size(static_cast<int>(m.rows()), static_cast<int>(m.cols()));
  std::copy(m.data(), m.data() + m.size(), out.a.begin());
  return out;
}

}  // namespace

// ---- the law of one variable ----

LetterLaw LetterLaw::semicircle(double variance) {
  check::that(variance > 0 && std::isfinite(variance), "LetterLaw: variance must be above 0, got ", variance);
  LetterLaw law;
  law.first_ = variance;
  law.radius_ = 2 * std::sqrt(variance);
  return law;
}

LetterLaw LetterLaw::poisson(double mean, double jump) {
  check::that(mean > 0 && jump > 0 && std::isfinite(mean + jump), "LetterLaw: mean and jump must be above 0, got ",
              mean, " and ", jump);
  LetterLaw law;
  law.kind_ = Kind::poisson;
  law.first_ = mean;
  law.second_ = jump;
  law.radius_ = (std::sqrt(mean) + std::sqrt(jump)) * (std::sqrt(mean) + std::sqrt(jump));
  return law;
}

LetterLaw LetterLaw::general(VecIn<double> locations, VecIn<double> masses, MatIn<double> intervals,
                             std::vector<std::vector<double>> series, std::vector<Part> parts) {
  const char* name = "LetterLaw";
  check::that(masses.size() == locations.size(), name, ": masses must be as many as locations");
  check::shape(name, "intervals", intervals, static_cast<Index>(series.size()), 2);
  check::finite(name, "locations", locations);
  check::finite(name, "masses", masses);
  check::finite(name, "intervals", intervals);
  LetterLaw law;
  law.kind_ = Kind::general;
  law.locations_.assign(locations.data(), locations.data() + locations.size());
  law.masses_.assign(masses.data(), masses.data() + masses.size());
  law.radius_ = 0;
  double mean = 0, mass = 0;
  for (Index k = 0; k < locations.size(); ++k) {
    mean += masses[k] * locations[k];
    mass += masses[k];
    law.radius_ = std::max(law.radius_, std::abs(locations[k]));
  }
  for (Index k = 0; k < intervals.rows(); ++k) {
    auto& a = series[static_cast<std::size_t>(k)];
    check::that(!a.empty() && intervals(k, 1) > 0, name, ": interval ", k, " must have a radius and a series");
    mass += pi * a[0];
    mean += pi * (a[0] * intervals(k, 0) + (a.size() > 1 ? a[1] / 2 * intervals(k, 1) : 0.0));
    law.radius_ = std::max(law.radius_, std::abs(intervals(k, 0)) + intervals(k, 1));
    law.pieces_.push_back({intervals(k, 0), intervals(k, 1), std::move(a)});
  }
  for (const Part& part : parts) {
    check::that(part.panels && std::isfinite(part.origin), name, ": parts must have panels and a finite origin");
    const double sign = part.mirrored ? -1 : 1;
    mass += part.panels->mass();
    mean += part.panels->mass() * part.origin + sign * part.panels->mean();
    for (const double end : {part.panels->low(), part.panels->high()})
      law.radius_ = std::max(law.radius_, std::abs(part.origin + sign * end));
  }
  law.parts_ = std::move(parts);
  check::that(std::abs(mass - 1) < 1e-6, name, ": the mass must be 1, got ", mass);
  law.first_ = mean;
  return law;
}

void LetterLaw::cauchy(Complex w, Complex& value, Complex& slope) const {
  double re = 0, im = 0, slope_re = 0, slope_im = 0;
  for (std::size_t k = 0; k < locations_.size(); ++k) {
    const double x = w.real() - locations_[k], y = w.imag(), inverse = 1 / (x * x + y * y);
    const double c = x * inverse, s = -y * inverse, mass = masses_[k];  // 1/(w - x) = c + i s
    re += mass * c;
    im += mass * s;
    slope_re -= mass * (c * c - s * s);
    slope_im -= 2 * mass * c * s;
  }
  value = {re, im};
  slope = {slope_re, slope_im};
  for (const Piece& piece : pieces_) {
    const Joukowski j(w, piece.centre, piece.radius);
    Complex sum = 0, derivative = 0;  // Horner's scheme
    for (std::size_t k = piece.series.size(); k-- > 0;) {
      derivative = times(derivative, j.inside) + sum;
      sum = times(sum, j.inside) + piece.series[k];
    }
    const Complex inverse = 1.0 / j.root, factor = pi / piece.radius * inverse;
    value += factor * sum;
    slope -= factor * (derivative * j.inside + sum * j.zeta * inverse) * inverse / piece.radius;
  }
  for (const Part& part : parts_) {
    Complex more, bend;
    if (part.mirrored) {  // 1 / (w - origin + u) is minus the conjugate of 1 / (conj(origin - w) - u)
      part.panels->cauchy(std::conj(part.origin - w), more, bend);
      value -= std::conj(more);
      slope += std::conj(bend);
    } else {
      part.panels->cauchy(w - part.origin, more, bend);
      value += more;
      slope += bend;
    }
  }
}

Complex LetterLaw::potential(Complex w) const {
  w = {w.real(), w.imag() + 0.0};
  Complex out = 0;
  for (std::size_t k = 0; k < locations_.size(); ++k) out += masses_[k] * std::log(w - locations_[k]);
  for (const Piece& piece : pieces_) {
    const Joukowski j(w, piece.centre, piece.radius);
    Complex sum = 0;
    for (std::size_t k = piece.series.size(); k-- > 1;)
      sum = times(sum + piece.series[k] / static_cast<double>(k), j.inside);
    out += pi * (piece.series[0] * (std::log(piece.radius / 2) - std::log(j.inside)) - sum);
  }
  for (const Part& part : parts_) {
    if (part.mirrored) {  // log of minus the conjugate
      const double turn = w.imag() < 0 ? -pi : pi;
      out += Complex(0, turn * part.panels->mass()) + std::conj(part.panels->potential(std::conj(part.origin - w)));
    } else {
      out += part.panels->potential(w - part.origin);
    }
  }
  return out;
}

// ---- the pencil ----

/// What one thread needs; `unknown` is the state that travels from point to point: rho for a variable with an explicit
/// R-transform, and omega = g^{-1} + rho for others, of which rho may have a pole.
struct Pencil::Work {
  std::vector<Matrix> unknown, rho, core, inverse_core;
  // Of each variable: g, the residual, d rho = by_unknown d unknown, and d residual = factor before_g dg after_g +
  // direct d unknown.
  std::vector<Matrix> g, error, mean, by_unknown, before_g, after_g, direct, picked;
  std::vector<double> factor;
  std::vector<char> plain;  // whether d residual is dg, for that part
  double off = 0;           // the largest relative residual
  Matrix whole, green, frame_green, green_frame, reduced, jacobian, step, scratch, scratch2;
  Matrix omega, function, vectors, inverse_vectors, schur, basis, left, right, middle, other;
  std::vector<Complex> values, functions, slopes;
  Matrix balanced;
  std::vector<double> sizes, scales;
  Complex log_det;
  double last_step = 0;
  Index iterations = 0;
};

/// unknown += factor * step.
void Pencil::move(Work& w, Complex factor) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < laws_.size(); ++i)
    for (const int k : active_[i]) w.unknown[i].a[static_cast<std::size_t>(k)] += times(factor, w.step.a[at++]);
}

Pencil::Pencil(Mat<Complex> constant, std::vector<Mat<Complex>> frames, std::vector<Mat<Complex>> cores,
               std::vector<LetterLaw> laws, double reach)
    : constant_(std::move(constant)), laws_(std::move(laws)), size_(constant_.rows()), reach_(reach) {
  const char* name = "Pencil";
  check::at_least(name, "constant.rows()", size_, 1);
  check::shape(name, "constant", constant_, size_, size_);
  check::that(!frames.empty() && frames.size() == laws_.size() && cores.size() == laws_.size(), name,
              ": frames, cores and laws must be one each a variable, got ", frames.size(), ", ", cores.size(), " and ",
              laws_.size());
  check::that(reach > 0 && std::isfinite(reach), name, ": reach must be above 0, got ", reach);
  double bound = constant_.cwiseAbs().rowwise().sum().maxCoeff();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Index r = frames[i].cols();
    check::at_least(name, "frames.cols()", r, 1);
    check::shape(name, "frames", frames[i], size_, r);
    check::shape(name, "cores", cores[i], r, r);
    first_.push_back(ranks_);
    rank_.push_back(r);
    ranks_ += r;
    Matrix inverse, scratch;
    check::that(cores[i].allFinite() && small::invert(plain(cores[i]), inverse, scratch), name,
                ": cores must be finite and invertible");
    bound += frames[i].squaredNorm() * cores[i].norm() * laws_[i].radius();
  }
  check::that(constant_.allFinite() && std::isfinite(bound), name, ": constant and frames must be finite");
  frame_.resize(size_, ranks_);
  for (std::size_t i = 0; i < frames.size(); ++i) frame_.middleCols(first_[i], rank_[i]) = frames[i];
  cores_ = std::move(cores);
  height_ = 2 * std::max(bound, reach);
  find_active();
  // Right of the law the distribution function is 1.
  Vec<double> x(1), density(1), cdf(1), bulk(1);
  x[0] = 2 * reach;
  const Report report = evaluate(x, density, cdf, bulk, 1);
  check::that(report.failed == 0, name, ": no solution was found at ", x[0], ", far right of the law");
  offset_ = 1 - cdf[0];
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
  if (!jacobian) return;
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

/// Newton steps at one z and eta from the present unknowns; `tight` asks for all digits.
bool Pencil::newton(Work& w, Complex z, double eta, int steps, bool tight) const {
  double last = std::numeric_limits<double>::infinity();
  for (int s = 0; s < steps; ++s) {
    check_interrupt();
    residual(w, z, eta, true);
    w.step.size(static_cast<int>(unknowns_), 1);
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      Complex* step = w.step.a.data() + unknown_first_[i];
      for (const int k : active_[i]) *step++ = w.error[i].a[static_cast<std::size_t>(k)];
    }
    // Unknowns of one variable may differ by orders of magnitude, and so may the equations.
    w.scales.resize(static_cast<std::size_t>(unknowns_));
    double* scale = w.scales.data();
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      small::sizes(w.unknown[i], w.sizes);
      const std::size_t r = w.sizes.size();
      for (const int k : active_[i])
        *scale++ = w.sizes[static_cast<std::size_t>(k) / r] * w.sizes[static_cast<std::size_t>(k) % r];
    }
    for (int row = 0; row < w.jacobian.rows; ++row) {
      Complex* entries = w.jacobian.row(row);
      double size = 0;
      for (int k = 0; k < w.jacobian.cols; ++k)
        size = std::max(size, std::max(std::abs(entries[k].real()), std::abs(entries[k].imag())) *
                                  w.scales[static_cast<std::size_t>(k)]);
      if (!(size > 0) || !std::isfinite(size)) return false;
      for (int k = 0; k < w.jacobian.cols; ++k) entries[k] *= w.scales[static_cast<std::size_t>(k)] / size;
      w.step(row, 0) /= size;
    }
    if (!small::solve(w.jacobian, w.step)) return false;
    ++w.iterations;
    const double size = small::largest(w.step);
    if (!std::isfinite(size) || size > 1e3) return false;
    for (std::size_t k = 0; k < w.scales.size(); ++k) w.step.a[k] *= w.scales[k];
    move(w, -1);
    w.last_step = size;
    // Quadratic convergence: the error that is left is the square of the step. Or rounding lets it come no closer.
    if (w.off < 1e-3 && (size <= (tight ? 1e-10 : 1e-8) || (size < 1e-5 && size > last / 2))) return true;
    if (s > 2 && size > 4 * last) return false;
    last = size;
  }
  return false;
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

/// From far above the axis down to z itself.
bool Pencil::from_afar(Work& w, Complex z) const {
  prepare(w);
  double eta = height_;
  // A contraction; it starts at omega = 2 i height, which is not far off, or at the mean.
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int r = static_cast<int>(rank_[i]);
    w.unknown[i].zero(r, r);
    const bool explicit_rho = laws_[i].kind() != LetterLaw::Kind::general;
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b)
        w.unknown[i](a, b) = explicit_rho ? laws_[i].mean() * w.core[i](a, b)
                             : a == b     ? Complex(0, 2 * height_)
                                          : Complex{};
  }
  for (int k = 0; k < 20; ++k) {
    residual(w, z, eta, false);
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      Matrix& each = w.unknown[i];
      if (laws_[i].kind() == LetterLaw::Kind::general) {
        small::invert(w.g[i], w.middle, w.scratch);
        for (std::size_t j = 0; j < each.a.size(); ++j) each.a[j] = w.middle.a[j] + w.rho[i].a[j];
      } else {
        for (std::size_t j = 0; j < each.a.size(); ++j) each.a[j] -= w.error[i].a[j];
      }
    }
  }
  if (!newton(w, z, eta, 20, false) || !is_resolvent(w, 1e-4)) return false;
  std::vector<Matrix> before;
  double factor = 0.2;
  const Index last = w.iterations + patience;
  while (eta > nearest) {
    if (w.iterations > last) return false;
    before = w.unknown;
    const double next = std::max(eta * factor, nearest);
    residual(w, z, eta, true);
    tangent(w, false);
    move(w, next - eta);
    if (is_resolvent(w, 1e-6) && newton(w, z, next, 8, next == nearest) && is_resolvent(w, 1e-6)) {
      eta = next;
      factor = std::max(factor * std::sqrt(factor), 1e-3);
      continue;
    }
    // Without the tangent, before a smaller step.
    w.unknown = before;
    if (newton(w, z, next, 8, next == nearest) && is_resolvent(w, 1e-6)) {
      eta = next;
      continue;
    }
    w.unknown = before;
    factor = std::sqrt(factor);
    if (factor > 0.9995) return false;
  }
  return true;
}

/// From the solution at a point nearby, whose tangent is in w.step; the axis itself.
bool Pencil::sweep(Work& w, double x) const { return newton(w, x, 0, 6, true) && is_resolvent(w, 1e-7); }

/// Solutions on the axis on both sides of 0, ascending.
struct Pencil::Ladder {
  struct Rung {
    double x;
    std::vector<Matrix> unknown;
  };
  std::vector<Rung> rungs;
  double least[2] = {0, 0};  // the distance that is reached left and right of 0; 0 where there is no rung
};

void Pencil::descend() {
  auto ladder = std::make_shared<Ladder>();
  for (const double side : {-1.0, 1.0}) {
    Work w;
    double x = side * topmost_rung * reach_;
    const auto solved = [&] { return w.last_step < 1e-9 && -w.green(0, 0).imag() / pi > 1e-6 / reach_; };
    if (!from_afar(w, x) || !newton(w, x, 0, 12, true) || !is_resolvent(w, 1e-7)) continue;
    residual(w, x, 0, true);
    if (!solved()) continue;  // in a gap nothing tells a wrong solution from the right one
    double cdf = distribution(w, x, 0), density = -w.green(0, 0).imag() / pi, ratio = 0.5;
    const Index last = w.iterations + 20 * patience;
    while (true) {
      ladder->rungs.push_back({x, w.unknown});
      const double here = x;
      bool found = false;
      for (; !found && ratio < 0.97 && w.iterations < last; ratio = std::sqrt(ratio)) {
        x = here * ratio;
        w.unknown = ladder->rungs.back().unknown;
        residual(w, here, 0, true);
        tangent(w, true);
        move(w, x - here);
        const Index before = w.iterations;
        found = newton(w, x, 0, 12, true) && is_resolvent(w, 1e-7);
        if (!found) continue;
        residual(w, x, 0, true);
        found = solved();
        if (found) {  // the mass between: where rounding is felt, it does not fit the densities
          const double fresh = distribution(w, x, 0), now = -w.green(0, 0).imag() / pi;
          double grown = side * (cdf - fresh);
          grown -= 2 * std::round(grown / 2);
          const double width = std::abs(here - x);
          found = grown > 0.5 * width * std::min(density, now) - 1e-15 &&
                  grown < 2 * width * std::max(density, now) + 1e-15;
          if (found) {
            cdf = fresh;
            density = now;
          }
        }
        if (found && w.iterations - before < 6) ratio = std::max(ratio * ratio, 0.01);
        if (found) break;
      }
      if (!found || std::abs(x) < lowest_rung * reach_) break;
    }
    ladder->least[side > 0] = std::abs(ladder->rungs.back().x);
  }
  auto& rungs = ladder->rungs;
  std::sort(rungs.begin(), rungs.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  ladder_ = std::move(ladder);
}

std::pair<double, double> Pencil::reached() const {
  if (!ladder_) return {0, 0};
  return {ladder_->least[0], ladder_->least[1]};
}

/// From the nearest rung, if x lies on the ladder.
bool Pencil::from_rung(Work& w, double x) const {
  if (!ladder_ || ladder_->rungs.empty() || !(std::abs(x) < topmost_rung * reach_)) return false;
  const auto& rungs = ladder_->rungs;
  auto rung = std::lower_bound(rungs.begin(), rungs.end(), x, [](const auto& r, double at) { return r.x < at; });
  const auto distance = [&](const auto& r) {
    return (r->x > 0) == (x > 0) ? std::abs(std::log(r->x / x)) : std::numeric_limits<double>::infinity();
  };
  if (rung == rungs.end() || (rung != rungs.begin() && distance(std::prev(rung)) < distance(rung))) --rung;
  if (std::isinf(distance(rung))) return false;
  prepare(w);
  for (int steps = 1; steps <= 64; steps *= 4) {  // in equal ratios
    w.unknown = rung->unknown;
    double here = rung->x;
    bool good = true;
    for (int k = 1; k <= steps && good; ++k) {
      const double next = k == steps ? x : rung->x * std::pow(x / rung->x, static_cast<double>(k) / steps);
      residual(w, here, 0, true);
      tangent(w, true);
      move(w, next - here);
      good = newton(w, next, 0, 12, true) && is_resolvent(w, 1e-7) && w.last_step < 1e-9;
      here = next;
    }
    if (good) return true;
  }
  return false;
}

/// 1 - Im U / pi, U as in the header, modulo 2; after a last call of residual.
double Pencil::distribution(Work& w, Complex z, double eta) const {
  residual(w, z, eta, false);
  Complex u = w.log_det;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const LetterLaw& law = laws_[i];
    const int r = static_cast<int>(rank_[i]);
    const Matrix &g = w.g[i], &rho = w.rho[i];
    Complex trace = 0;
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b) trace += g(a, b) * rho(b, a);
    if (law.kind() == LetterLaw::Kind::semicircle) {
      u += trace / 2.0;
      continue;
    }
    Matrix& m = w.omega;
    const bool poisson = law.kind() == LetterLaw::Kind::poisson;
    if (poisson)
      small::product(g, w.core[i], m);
    else
      small::product(w.inverse_core[i], w.unknown[i], m);
    small::balance(m, w.sizes);
    small::eigen(m, w.values, w.vectors, w.schur, w.basis);
    if (poisson) {
      // tr(g rho) - int tr(rho dg), along a straight line from g = 0, on which no eigenvalue passes 1 / jump.
      u += trace;
      for (const Complex& each : w.values) u += law.mean() / law.jump() * std::log(1.0 - law.jump() * each);
    } else {
      w.step.size(r, 0);
      w.scratch = g;
      small::solve(w.scratch, w.step, &u);                            // log det g
      for (const Complex& each : w.values) u += law.potential(each);  // and log det S, a constant
    }
  }
  double slope = 0;  // eta shifts all of b, and dU/db = G
  for (int a = 0; a < static_cast<int>(size_); ++a) slope += w.green(a, a).real();
  return 1 - (u.imag() - eta * slope) / pi;
}

Pencil::Report Pencil::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, VecOut<double> bulk,
                                int threads) const {
  check::that(density.size() == x.size() && cdf.size() == x.size() && bulk.size() == x.size(),
              "Pencil.evaluate: outputs must be as long as x");
  check::finite("Pencil.evaluate", "x", x);
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  const Index grain = 32, chunks = (x.size() + grain - 1) / grain;
  std::vector<char> bad(order.size(), 0);
  std::vector<Report> reports(static_cast<std::size_t>(chunks));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  parallel_ranges(x.size(), grain, threads, [&](Index begin, Index end) {
    Work w;
    Report& report = reports[static_cast<std::size_t>(begin / grain)];
    bool warm = false;
    double last = 0;
    const auto green = [&] { return -w.green(0, 0).imag() / pi; };
    // Close to an atom rounding is large, but not against G itself.
    const auto has_density = [&] { return green() > least_density * std::max(1 / reach_, std::abs(w.green(0, 0))); };
    for (Index k = begin; k < end; ++k) {
      const Index i = order[static_cast<std::size_t>(k)];
      const double at = x[i];
      if (ladder_ && std::abs(at) < ladder_->least[at > 0]) {
        density[i] = cdf[i] = bulk[i] = nan;
        bad[static_cast<std::size_t>(k)] = 1;
        warm = false;
        continue;
      }
      if (warm) {  // along the tangent, for as long as that leads to a solution with a density
        residual(w, last, 0, true);
        tangent(w, true);
        move(w, at - last);
        warm = sweep(w, at);
        if (warm) {
          cdf[i] = distribution(w, at, 0) + offset_;
          density[i] = green();
          warm = density[i] > 1e-6 / reach_;
        }
      }
      if (!warm && from_rung(w, at)) {
        cdf[i] = distribution(w, at, 0) + offset_;
        density[i] = green();
        warm = density[i] > 1e-6 / reach_;
      }
      if (!warm) {
        const bool on_ladder = ladder_ && ladder_->least[at > 0] > 0 && std::abs(at) < 1e-6 * reach_;
        if (on_ladder || !from_afar(w, at)) {
          density[i] = cdf[i] = bulk[i] = nan;
          bad[static_cast<std::size_t>(k)] = 1;
          continue;
        }
        cdf[i] = distribution(w, at, nearest) + offset_;
        density[i] = green();
        const std::vector<Matrix> before = w.unknown;
        const double above = cdf[i];
        if (newton(w, at, 0, 12, true) && is_resolvent(w, 1e-7)) {
          const double on_axis = distribution(w, at, 0) + offset_;
          density[i] = green();
          cdf[i] = has_density() ? on_axis : above;
        } else {  // a singular point: what the height above it gives
          w.unknown = before;
          w.last_step = 0;
        }
        warm = density[i] > 1e-6 / reach_;
      }
      bulk[i] = has_density();
      if (bulk[i] == 0) density[i] = 0;
      cdf[i] -= 2 * std::floor((cdf[i] + 0.5) / 2);
      report.residual = std::max(report.residual, w.last_step);
      last = at;
    }
    report.iterations = w.iterations;
  });
  Report out;
  for (const Report& each : reports) {
    out.residual = std::max(out.residual, each.residual);
    out.iterations += each.iterations;
  }
  for (std::size_t k = bad.size(); k-- > 0;)
    if (bad[k]) {
      ++out.failed;
      out.first_failure = x[order[k]];
    }
  return out;
}

Pencil::Report Pencil::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  g.resize(z.size());
  std::vector<char> bad(z.size(), 0);
  std::vector<Report> reports(z.size());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  parallel_for(static_cast<Index>(z.size()), threads, [&](Index k) {
    const auto i = static_cast<std::size_t>(k);
    check::that(z[i].imag() >= 0 && std::isfinite(std::abs(z[i])),
                "Pencil.resolvent: z must be finite and not below the real axis, got ", z[i]);
    Work w;
    if (!from_afar(w, z[i])) {
      g[i] = {nan, nan};
      bad[i] = 1;
      return;
    }
    const std::vector<Matrix> before = w.unknown;
    if (!newton(w, z[i], 0, 12, true) || !is_resolvent(w, 1e-7)) {
      w.unknown = before;
      w.last_step = 0;
      residual(w, z[i], nearest, false);
    } else {
      residual(w, z[i], 0, false);
    }
    g[i] = w.green(0, 0);
    if (z[i].imag() == 0 && -g[i].imag() / pi <= least_density * std::max(1 / reach_, std::abs(g[i])))
      g[i] = g[i].real();
    reports[i].residual = w.last_step;
    reports[i].iterations = w.iterations;
  });
  Report out;
  for (std::size_t i = z.size(); i-- > 0;) {
    out.residual = std::max(out.residual, reports[i].residual);
    out.iterations += reports[i].iterations;
    if (bad[i]) {
      ++out.failed;
      out.first_failure = std::abs(z[i]);
    }
  }
  return out;
}

}  // namespace deeprmt::freeprob
