// The law of one variable.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/freeprob/pencil.hpp"
#include "small_complex.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::times;

constexpr double pi = std::numbers::pi;

/// (w - centre) / radius, the root of its square less 1, and the inverse of Joukowski's map, of modulus at most 1.
struct Joukowski {
  Complex zeta, root, inside;
  Joukowski(Complex w, double centre, double radius) {
    zeta = (Complex(w.real(), w.imag() + 0.0) - centre) / radius;  // -0.0 would be the limit from below
    root = std::sqrt(zeta - 1.0) * std::sqrt(zeta + 1.0);
    inside = 1.0 / (zeta + root);
  }
};

}  // namespace

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

}  // namespace deeprmt::freeprob
