#include "real_omega.hpp"

#include <algorithm>
#include <cmath>

#include "logarithm.hpp"

namespace deeprmt::freeprob {
namespace {

using Omega = SquaredSlopes::Point;

/// A real omega on a branch, in a coordinate that runs over the whole line.
class Coordinate {
 public:
  enum class Kind { below, between, above };
  Coordinate(const SquaredSlopes& law, Kind kind, double low, double high)
      : law_(law), kind_(kind), low_(low), high_(high) {}

  Omega at(double v) const {
    if (kind_ == Kind::below) return law_.at(-std::exp(v));
    if (kind_ == Kind::above) return law_.at_above(law_.top() * std::exp(v));
    const double width = high_ - low_;
    return high_ == law_.top() ? law_.at_above(-width / (1 + std::exp(-v))) : law_.at(low_ + width / (1 + std::exp(v)));
  }
  double of(const Omega& p) const {
    if (kind_ == Kind::below) return std::log(-p.omega.real());
    if (kind_ == Kind::above) return std::log(p.above.real() / law_.top());
    const double below = high_ == law_.top() ? -p.above.real() : high_ - p.omega.real();
    return std::log(below / (p.omega.real() - low_));
  }
  /// d omega / d v.
  double speed(const Omega& p) const {
    if (kind_ == Kind::below) return p.omega.real();
    if (kind_ == Kind::above) return p.above.real();
    const double below = high_ == law_.top() ? -p.above.real() : high_ - p.omega.real();
    return -below * (p.omega.real() - low_) / (high_ - low_);
  }
  double least() const {
    if (kind_ == Kind::below) return law_.atoms().empty() ? std::log(SquaredSlopes::least) : -690;
    return kind_ == Kind::above ? -41.5 : -36;
  }
  double most() const { return kind_ == Kind::between ? 36 : 690; }

 private:
  const SquaredSlopes& law_;
  Kind kind_;
  double low_, high_;
};

}  // namespace

double reach(const Omega& p) { return std::min(modulus(p.omega), modulus(p.above)); }

std::vector<double> positive_atoms(const SquaredSlopes& law) {
  std::vector<double> out;
  for (const double d : law.atoms())
    if (d > 0) out.push_back(d);
  return out;
}

int branches_of(const SquaredSlopes& law) { return std::max<int>(static_cast<int>(positive_atoms(law).size()), 1) + 1; }

bool invert(const SquaredSlopes& law, double y, double one_plus_y, int branch, Omega& p) {
  using Kind = Coordinate::Kind;
  const auto atoms = positive_atoms(law);
  const int last = branches_of(law) - 1;
  Kind kind = Kind::between;
  double low = 0, high = law.bottom();
  if (branch == last) {
    if (!(y > 0)) return false;
    kind = Kind::above;
  } else if (branch > 0) {
    low = atoms[static_cast<std::size_t>(branch) - 1];
    high = atoms[static_cast<std::size_t>(branch)];
  } else {
    if (!(y < 0)) return false;
    if (!atoms.empty()) high = atoms.front();
    if (one_plus_y > law.mass_at_zero())
      kind = Kind::below;
    else if (!(high > 0) || one_plus_y == law.mass_at_zero())
      return false;
  }
  const Coordinate line(law, kind, low, high);
  const bool near_zero = kind == Kind::below && y < -0.5;
  const bool rises = near_zero || kind == Kind::between;  // the residual, with the coordinate
  const double goal = kind == Kind::between ? std::asinh(y) : std::log(near_zero ? one_plus_y : std::abs(y));
  const auto residual = [&](double v, double& gradient) {
    p = line.at(v);
    const auto m = law.moments(p);
    const double speed = line.speed(p) * m.slope.real(), found = m.y.real(), plus = m.one_plus_y.real();
    gradient = speed / (kind == Kind::between ? std::sqrt(1 + found * found) : near_zero ? plus : found);
    return (kind == Kind::between ? std::asinh(found) : std::log(near_zero ? plus : std::abs(found))) - goal;
  };
  double from = line.least(), to = line.most(), v = line.of(p), gradient = 0;
  bool from_is_known = false, to_is_known = false;
  if (!(v > from && v < to)) v = 0;
  for (int i = 0; i < 300; ++i) {
    const double r = residual(v, gradient);
    if (r == 0) return true;
    if (!std::isfinite(r)) return false;
    const bool beyond = (r > 0) == rises;
    if (v == (beyond ? line.least() : line.most())) return false;
    (beyond ? to : from) = v;
    (beyond ? to_is_known : from_is_known) = true;
    const double step = std::clamp(-r / gradient, -40.0, 40.0);
    if (std::abs(step) <= 4e-16 * std::max(1.0, std::abs(v))) return true;
    double next = v + step;
    if (!(next > from && next < to)) {
      next = (from + to) / 2;
      if (beyond && !from_is_known) next = std::max(v - 40, from);
      if (!beyond && !to_is_known) next = std::min(v + 40, to);
    }
    if (next == v || to - from < 4e-16 * std::max(1.0, std::abs(v))) return true;
    v = next;
  }
  return false;
}

}  // namespace deeprmt::freeprob
