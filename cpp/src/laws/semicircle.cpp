#include "deeprmt/laws/semicircle.hpp"

#include <cmath>
#include <numbers>

#include "deeprmt/core/check.hpp"

namespace deeprmt::laws {
namespace {

/// phi - sin phi, phi in [0, pi], accurate relative to itself.
double excess(double phi) {
  if (phi > 1) return phi - std::sin(phi);
  const double p = phi * phi;  // phi^3 / 3! - phi^5 / 5! + ... - phi^17 / 17!
  double sum = 1;
  for (const double factor : {272.0, 210.0, 156.0, 110.0, 72.0, 42.0, 20.0}) sum = 1 - p / factor * sum;
  return phi * p / 6 * sum;
}

}  // namespace

Semicircle::Semicircle(double sigma) : edge_(2 * sigma), height_(1 / (2 * std::numbers::pi * sigma * sigma)) {
  check::that(sigma > 0 && std::isnormal(sigma * sigma) && std::isnormal(height_),
              "Semicircle: sigma must be positive, and its square within the range of doubles, got ", sigma);
}

double Semicircle::pdf(double x) const {
  const double below = edge_ + x, above = edge_ - x;
  return below > 0 && above > 0 ? height_ * std::sqrt(below * above) : 0.0;
}

/// The mass between an edge and a point at distance `near` from it and `far` from the other edge, near <= far.
double Semicircle::tail(double near, double far) const {
  if (near <= 0) return 0;
  return excess(4 * std::atan(std::sqrt(near / far))) / (2 * std::numbers::pi);
}

}  // namespace deeprmt::laws
