#include "deeprmt/meanfield/nested_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "../freeprob/small_complex.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"

namespace deeprmt::meanfield {

namespace small = freeprob::small;

namespace {

constexpr double pi = std::numbers::pi;

/// Means of Re and Im of 1/w, x/w, 1/w^2, x/w^2 and x^2/w^2, w = alpha + beta x.
DEEPRMT_LEAF void add_means_loop(const double* x, const double* mass, Index n, double alpha_re, double alpha_im,
                                 double beta_re, double beta_im, double* sums) {
  constexpr int lanes = 8;
  double lane[10][lanes] = {};
  const auto add = [&](Index i, int k) {
    const double re = alpha_re + beta_re * x[i], im = alpha_im + beta_im * x[i];
    const double inverse = 1 / (re * re + im * im);
    const double c = re * inverse, s = -im * inverse, p = mass[i], px = p * x[i], pxx = px * x[i];
    const double c2 = c * c - s * s, s2 = 2 * c * s;
    lane[0][k] += p * c;
    lane[1][k] += p * s;
    lane[2][k] += px * c;
    lane[3][k] += px * s;
    lane[4][k] += p * c2;
    lane[5][k] += p * s2;
    lane[6][k] += px * c2;
    lane[7][k] += px * s2;
    lane[8][k] += pxx * c2;
    lane[9][k] += pxx * s2;
  };
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int k = 0; k < lanes; ++k) add(i + k, k);
  for (int k = 0; i < n; ++i, ++k) add(i, k);
  for (int j = 0; j < 10; ++j) {
    sums[j] = 0;
    for (int k = 0; k < lanes; ++k) sums[j] += lane[j][k];
  }
}
constexpr auto add_means = clones<add_means_loop>;

/// The argument of a number of the closed lower half-plane, in [-pi, 0]; where rounding has put it a little above, the
/// continuation: cut off at the axis it would be wrong by what the number is, where the stationary sum it belongs to is
/// wrong by the square of that.
double lower_argument(std::complex<double> w) {
  if (w.imag() < 0) return std::atan2(w.imag(), w.real());
  const double above = std::abs(w.imag());  // -0.0 is none
  return w.real() < 0 ? -pi - std::atan2(above, -w.real()) : std::atan2(above, w.real());
}

}  // namespace

/// All that a solution carries; sized once.
struct NestedKernels::State {
  /// What a small change of the resolvent below a layer does to its rho: step + to_trace d trace + to_m d m.
  struct Answer {
    Complex step, slope, to_trace, to_m;
  };
  std::vector<Complex> rho, t, beta, trace, residual;  // trace: a m + c rho T' of the layer below
  std::vector<Complex> step, slope;                    // Newton's; d rho / d z
  std::vector<Answer> answers;
  Sums sums;
  small::Matrix bottom, ends;
  Complex alpha, m;
  Tally tally;

  explicit State(std::size_t layers)
      : rho(layers),
        t(layers),
        beta(layers + 1),
        trace(layers),
        residual(layers),
        step(layers),
        slope(layers),
        answers(layers) {}
};

NestedKernels::NestedKernels(VecIn<double> values, VecIn<double> masses, double q0, double shift,
                             const std::vector<Layer>& layers)
    : values_(values.data(), values.data() + values.size()),
      masses_(masses.data(), masses.data() + masses.size()),
      q0_(q0),
      shift_(shift),
      layers_(layers) {
  const char* name = "NestedKernels";
  check::that(values.size() > 0 && values.size() == masses.size(), name, ": values and masses must be of one length");
  check::that(values.allFinite() && values.minCoeff() >= 0, name, ": values must be finite and at least 0");
  check::that(masses.minCoeff() > 0 && std::abs(masses.sum() - 1) < 1e-9, name, ": masses must be positive, sum 1");
  check::that(!layers.empty() && layers.back().q > 0, name, ": the last layer must count");
  check::that(q0 >= 0 && shift >= 0 && std::isfinite(q0 + shift), name, ": q0 and shift must be finite and at least 0");
  double largest = values.maxCoeff();  // of K_l
  size_ = shift + q0 * largest;
  for (const Layer& l : layers) {
    check::that(l.gamma > 0 && l.a >= 0 && l.c >= 0 && l.q >= 0 && std::isfinite(l.gamma + l.a + l.c + l.q), name,
                ": gamma must be positive, a, c and q at least 0");
    largest = (l.a + l.c * largest) * (1 + std::sqrt(l.gamma)) * (1 + std::sqrt(l.gamma));
    if (l.q > 0) size_ += l.q * largest;
  }
  // Norms multiply from layer to layer, eigenvalues grow like the sum of the gammas.
  double each = values.maxCoeff(), together = shift + q0 * each, spread = 1;
  for (const Layer& l : layers) {
    each = l.a + l.c * each;
    together += l.q * each;
    spread += l.gamma;
  }
  size_ = std::min(size_, 16 * spread * together);  // the former may have overflowed
  check::that(std::isfinite(size_) && size_ > 0, name, ": the kernels must be finite and not 0");
}

NestedKernels::Sums NestedKernels::sums(Complex alpha, Complex beta) const {
  double s[10];
  add_means(values_.data(), masses_.data(), static_cast<Index>(values_.size()), alpha.real(), alpha.imag(), beta.real(),
            beta.imag(), s);
  return {{s[0], s[1]}, {s[2], s[3]}, {s[4], s[5]}, {s[6], s[7]}, {s[8], s[9]}};
}

/// All that follows from rho at z, and the residuals.
void NestedKernels::equations(Complex z, State& s) const {
  const std::size_t n = layers_.size();
  // beta[l], l = 0..n; layer l of the text is layers_[l - 1].
  s.alpha = shift_ - z;
  s.beta[n] = layers_[n - 1].q;
  for (std::size_t l = n; l-- > 0;) {
    s.t[l] = small::times(s.rho[l], s.beta[l + 1]);
    s.alpha += layers_[l].a * s.t[l];
    s.beta[l] = (l > 0 ? layers_[l - 1].q : q0_) + layers_[l].c * s.t[l];
  }
  s.sums = sums(s.alpha, s.beta[0]);
  s.m = s.sums.one;
  Complex below = s.sums.x;  // rho_{l-1} T_{l-1}
  for (std::size_t l = 0; l < n; ++l) {
    s.trace[l] = layers_[l].a * s.m + layers_[l].c * below;
    below = small::times(s.rho[l], s.trace[l]);
    s.residual[l] = small::times(s.rho[l], 1.0 + small::times(layers_[l].gamma * s.beta[l + 1], s.trace[l])) - 1.0;
  }
}

/// Newton's step and the derivative to z, in time proportional to the number of layers: a change of rho_l is felt above
/// through the trace and below through beta. From the last layer on, what lies above is put as a linear answer to the
/// change of the trace and of m; at the bottom two equations remain.
bool NestedKernels::linearize(State& s) const {
  using small::times;
  const std::size_t n = layers_.size();
  // d beta and d alpha = (constant for the step, for the slope), + by trace below * d (rho T'), + by m * d m.
  struct Linear {
    Complex step, slope, by_below, by_m;
  };
  Linear beta{}, alpha{0, -1, 0, 0};
  for (std::size_t l = n; l-- > 0;) {
    const Layer& layer = layers_[l];
    const Complex rho = s.rho[l], above = s.beta[l + 1], trace = s.trace[l];
    const Complex scale = layer.gamma * rho, felt = times(scale, trace);
    const Complex pivot = 1.0 + times(layer.gamma * above, trace) + times(times(felt, trace), beta.by_below);
    const double size = small::square(pivot);
    if (!(size > 0) || !std::isfinite(size)) return false;
    const Complex inverse = std::conj(pivot) / size;
    State::Answer& answer = s.answers[l];
    answer.step = times(s.residual[l] - times(felt, beta.step), inverse);
    answer.slope = -times(times(felt, beta.slope), inverse);
    answer.to_trace = -times(times(felt, times(rho, beta.by_below)) + times(scale, above), inverse);
    answer.to_m = -times(times(felt, beta.by_m), inverse);
    // As answers to the changes of this layer's trace and of m; then of what is below.
    const Complex passed = rho + times(trace, answer.to_trace);
    const auto through = [&](Linear& of) {
      of.step += times(of.by_below, times(trace, answer.step));
      of.slope += times(of.by_below, times(trace, answer.slope));
      of.by_m += times(of.by_below, times(trace, answer.to_m));
      of.by_below = times(of.by_below, passed);
    };
    through(beta);
    through(alpha);
    const Linear t{
        times(above, answer.step) + times(rho, beta.step), times(above, answer.slope) + times(rho, beta.slope),
        times(above, answer.to_trace) + times(rho, beta.by_below), times(above, answer.to_m) + times(rho, beta.by_m)};
    const double a = layer.a, c = layer.c;
    beta = {c * t.step, c * t.slope, c * c * t.by_below, c * (a * t.by_below + t.by_m)};
    const Complex by_trace = alpha.by_below + a * t.by_below;
    alpha = {alpha.step + a * t.step, alpha.slope + a * t.slope, c * by_trace, alpha.by_m + a * t.by_m + a * by_trace};
  }
  const Sums& e = s.sums;
  small::Matrix& matrix = s.bottom;
  matrix.size(2, 2);
  s.ends.size(2, 2);
  const auto row = [&](int i, Complex by_alpha, Complex by_beta) {
    matrix(i, 0) = (i == 0 ? 1.0 : 0.0) + times(by_alpha, alpha.by_below) + times(by_beta, beta.by_below);
    matrix(i, 1) = (i == 1 ? 1.0 : 0.0) + times(by_alpha, alpha.by_m) + times(by_beta, beta.by_m);
    s.ends(i, 0) = -times(by_alpha, alpha.step) - times(by_beta, beta.step);
    s.ends(i, 1) = -times(by_alpha, alpha.slope) - times(by_beta, beta.slope);
  };
  row(0, e.x2, e.xx2);
  row(1, e.one2, e.x2);
  if (!small::solve(matrix, s.ends)) return false;
  Complex below = s.ends(0, 0), d_below = s.ends(0, 1);
  const Complex m = s.ends(1, 0), d_m = s.ends(1, 1);
  for (std::size_t l = 0; l < n; ++l) {
    const State::Answer& answer = s.answers[l];
    const Complex trace = layers_[l].a * m + layers_[l].c * below,
                  d_trace = layers_[l].a * d_m + layers_[l].c * d_below;
    s.step[l] = answer.step + times(answer.to_trace, trace) + times(answer.to_m, m);
    s.slope[l] = answer.slope + times(answer.to_trace, d_trace) + times(answer.to_m, d_m);
    below = times(s.rho[l], trace) + times(s.trace[l], s.step[l]);
    d_below = times(s.rho[l], d_trace) + times(s.trace[l], s.slope[l]);
  }
  return true;
}

/// Solves at z from the guess in s. On success s holds the solution with alpha, beta, t, m, and its slopes.
bool NestedKernels::newton(Complex z, State& s, int steps) const {
  Convergence convergence;
  for (int i = 0; i < steps; ++i) {
    ++s.tally.iterations;
    equations(z, s);
    if (!linearize(s)) return false;
    double size = 0;
    for (std::size_t l = 0; l < s.rho.size(); ++l) size = std::max(size, std::abs(s.step[l]) / std::abs(s.rho[l]));
    if (!std::isfinite(size) || size > 4) return false;
    const double damp = size > 0.5 ? 0.5 / size : 1.0;
    for (std::size_t l = 0; l < s.rho.size(); ++l) s.rho[l] -= damp * s.step[l];
    if (convergence.done(size, size < 1e-7)) {
      equations(z, s);
      s.tally.residual = 0;
      for (const Complex& each : s.residual) s.tally.residual = std::max(s.tally.residual, std::abs(each));
      return linearize(s);
    }
  }
  return false;
}

/// Whether the point is the one seen from the upper half-plane.
bool NestedKernels::inside(const State& s) const {
  const auto above = [](Complex w) { return w.imag() > 1e-9 * std::abs(w); };
  if (above(s.alpha) || s.m.imag() < -1e-9 * std::abs(s.m)) return false;
  return std::none_of(s.t.begin(), s.t.end(), above);
}

/// From the solution at `from` to that at `to`, by tangents and Newton steps, on a straight line; gives up at steps
/// below the part `least` of it.
bool NestedKernels::follow(Complex from, Complex to, State& s, double least) const {
  double at = 0, length = 1;
  State next = s;
  while (at < 1) {
    check_interrupt();
    next.tally.iterations = std::max(s.tally.iterations, next.tally.iterations);
    const double there = std::min(1.0, at + length);
    const Complex z = from + there * (to - from), dz = (there - at) * (to - from);
    next.rho = s.rho;
    double size = 0;
    for (std::size_t l = 0; l < s.rho.size(); ++l) {
      next.rho[l] += s.slope[l] * dz;
      size = std::max(size, std::abs(s.slope[l] * dz) / std::abs(s.rho[l]));
    }
    const std::vector<Complex> guess = next.rho;
    bool good = size < 0.5 && newton(z, next, 8) && inside(next);
    for (std::size_t l = 0; good && l < s.rho.size(); ++l)
      good = std::abs(next.rho[l] - guess[l]) < 0.3 * std::abs(guess[l]);
    if (good) {
      std::swap(s, next);
      at = there;
      length *= 2;
    } else {
      length *= 0.4;
      if (length < least) {
        s.tally = next.tally;
        return false;
      }
    }
  }
  return true;
}

/// The solution at z, from high above it, where every rho is close to 1.
bool NestedKernels::from_afar(Complex z, State& s) const {
  double height = std::max(8 * (size_ + std::abs(z)), z.imag());
  std::fill(s.rho.begin(), s.rho.end(), 1.0);
  if (!newton({z.real(), height}, s, 40) || !inside(s)) return false;
  const double scale = size_ + std::abs(z);
  State trial = s;
  while (height > z.imag()) {
    if (height < 1e-2 * scale) {
      trial = s;
      if (follow({z.real(), height}, z, trial, 0.1)) {
        s = std::move(trial);
        return true;
      }
      s.tally.iterations = trial.tally.iterations;
    }
    const double lower = height > 16 * z.imag() ? height / 8 : z.imag();
    // What fails on the way to the axis only is close to an edge: come as close as rounding allows.
    if (!follow({z.real(), height}, {z.real(), lower}, s, 1e-6))
      return z.imag() == 0 && height < 1e-11 * scale && height < 1e-6 * std::abs(z);
    height = lower;
    // Close to a hard edge at 0 it is z that sets the scale.
    if (height < 1e-16 * std::min(scale, std::abs(z))) return true;
  }
  return true;
}

double NestedKernels::cdf(const State& s) const {
  double sum = 0;
  for (std::size_t l = 0; l < layers_.size(); ++l)
    sum += (lower_argument(s.t[l]) - lower_argument(s.beta[l + 1]) - s.rho[l].imag()) / layers_[l].gamma;
  for (std::size_t i = 0; i < values_.size(); ++i) sum -= masses_[i] * lower_argument(s.alpha + s.beta[0] * values_[i]);
  return std::clamp(sum / pi, 0.0, 1.0);
}

NestedKernels::Report NestedKernels::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf,
                                              int threads) const {
  check::that(density.size() == x.size() && cdf.size() == x.size(), "evaluate: outputs must be as long as x");
  check::that(x.size() == 0 || x.allFinite(), "evaluate: x must be finite");
  const std::vector<Index> order = ascending(x);
  const auto start = [&] {
    return [&, s = State(layers_.size()), warm = false, before = 0.0](Index k, Tally& tally) mutable {
      const Index i = order[static_cast<std::size_t>(k)];
      s.tally = {};
      // From the last point, if that lies in the bulk, straight along the axis; else from above.
      const bool beside = warm && std::abs(x[i] - before) < 0.2 * size_;
      bool good = false;
      if (beside) {
        State trial = s;
        good = follow(before, x[i], trial, 0.1) && trial.m.imag() > 1e-6 * std::abs(trial.m);
        if (good)
          s = std::move(trial);
        else
          s.tally = trial.tally;
      }
      if (!good) good = from_afar(x[i], s);
      density[i] = good ? std::max(s.m.imag(), 0.0) / pi : std::numeric_limits<double>::quiet_NaN();
      cdf[i] = good ? this->cdf(s) : density[i];
      warm = good && s.m.imag() > 1e-4 * std::abs(s.m);
      before = x[i];
      tally = s.tally;
      return good;
    };
  };
  return solve_points(x.size(), 64, threads, start, [&](Index k) { return x[order[static_cast<std::size_t>(k)]]; });
}

NestedKernels::Report NestedKernels::stieltjes(const std::vector<Complex>& z, std::vector<Complex>& m,
                                               int threads) const {
  m.resize(z.size());
  const auto at = [&](Index k) { return z[static_cast<std::size_t>(k)]; };
  const auto start = [&] {
    return [&, s = State(layers_.size())](Index k, Tally& tally) mutable {
      check::that(at(k).imag() >= 0 && std::isfinite(std::abs(at(k))),
                  "stieltjes: z must be finite and not below the real axis, got ", at(k));
      s.tally = {};
      const bool good = from_afar(at(k), s);
      m[static_cast<std::size_t>(k)] = good ? s.m : Complex(std::numeric_limits<double>::quiet_NaN(), 0);
      tally = s.tally;
      return good;
    };
  };
  return solve_points(static_cast<Index>(z.size()), 16, threads, start, [&](Index k) { return std::abs(at(k)); });
}

}  // namespace deeprmt::meanfield
