#include "deeprmt/freeprob/explicit_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "logarithm.hpp"

namespace deeprmt::freeprob {
namespace {

using Complex = std::complex<double>;
using Omega = SquaredSlopes::Point;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = std::numbers::pi;
constexpr double large = 4;  // |y| from which 1 + a y is taken as y (a + 1 / y)

/// The nearer of the distances to 0 and to the largest slope: the length on which ln z changes.
double reach(const Omega& p) { return std::min(modulus(p.omega), modulus(p.above)); }

/// A sum of logarithms of factors that all lie on one side of the real axis, by a single logarithm of their product:
/// its argument is that of the sum but for whole turns, which show as steps across the axis.
class Product {
 public:
  /// @param side  the sign of the factors' imaginary parts
  explicit Product(double side) : side_(side) {}
  /// @param slope  of the factor
  void take(Complex factor, Complex slope) {
    const double re = factor.real(), im = factor.imag(), a = value_.real(), b = value_.imag();
    slope_ = {slope_.real() * re - slope_.imag() * im + slope.real() * a - slope.imag() * b,
              slope_.real() * im + slope_.imag() * re + slope.real() * b + slope.imag() * a};
    value_ = {a * re - b * im, a * im + b * re};
    turns_ += side_ * b > 0 && side_ * value_.imag() < 0 ? side_ : 0;
    any_ = true;
    const double size = std::abs(value_.real()) + std::abs(value_.imag());
    if (!(size > 1e-140 && size < 1e140)) put_away();
  }
  bool any() const { return any_; }
  Complex log() const { return logs_ + logarithm(value_) + Complex(0, 2 * pi * turns_); }
  /// Of the sum.
  Complex slope() const { return slopes_ + slope_ / value_; }

 private:
  void put_away() {
    logs_ += logarithm(value_);
    slopes_ += slope_ / value_;
    value_ = 1;
    slope_ = 0;
  }
  double side_, turns_ = 0;
  Complex value_ = 1, slope_ = 0, logs_ = 0, slopes_ = 0;
  bool any_ = false;
};

/// The intervals free of slopes on which a real omega may lie: 0 below the least positive one, then between atoms, and
/// last the one above all.
std::vector<double> positive_atoms(const SquaredSlopes& law) {
  std::vector<double> out;
  for (const double d : law.atoms())
    if (d > 0) out.push_back(d);
  return out;
}
int branches_of(const SquaredSlopes& law) { return std::max<int>(static_cast<int>(positive_atoms(law).size()), 1) + 1; }

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

/// The real omega on a branch with M(omega) = y, if there is one; p is where to start, if it lies there.
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

}  // namespace

bool ExplicitLaw::RealValue::free() const { return exists && (turns == 0 ? slope > 0 : turns == 1 && slope < 0); }

ExplicitLaw::ExplicitLaw(const std::vector<Step>& steps, std::vector<Atom> atoms, bool ends_at_last_atom)
    : atoms_(std::move(atoms)) {
  add(steps);
  choose_lead();
  check::that(!ends_at_last_atom || !atoms_.empty(), "ExplicitLaw: there is no atom for the law to end at");
  // Where several steps have atoms of their own, a gap may see them on different branches.
  std::vector<int> counts;
  std::size_t product = 1;
  for (const auto* law : rest_laws_) {
    counts.push_back(branches_of(*law));
    product *= counts.back() > 2 ? static_cast<std::size_t>(counts.back()) : 1;
    if (product > 64) break;
  }
  const auto scan = [&](double low, double high, int branch) {
    std::vector<int> now(rest_laws_.size(), -1);  // by the sign of y
    if (product > 64 || product == 1) {
      for (std::size_t k = 0; k < now.size(); ++k)
        if (product > 1 && branches_of(*rest_laws_[k]) == branches_of(*lead_)) now[k] = branch;
      return find_gaps(low, high, now);
    }
    for (std::size_t index = 0; index < product; ++index) {
      std::size_t left = index;
      for (std::size_t k = 0; k < now.size(); ++k)
        if (counts[k] > 2) {
          now[k] = static_cast<int>(left % static_cast<std::size_t>(counts[k]));
          left /= static_cast<std::size_t>(counts[k]);
        }
      find_gaps(low, high, now);
    }
  };
  // A product of slopes alone sends omega < 0 to z < 0, unless the factors see a gap on different branches.
  if (affine_ || (!rest_laws_.empty() && product > 1)) scan(-infinity, 0, 0);
  if (lead_->bottom() > 0) scan(0, lead_->bottom(), 0);
  // A gap between others may go on beyond the lead's largest slope, and through infinity.
  if (affine_ && product > 1) scan(lead_->top(), infinity, 1);
  const auto& slopes = lead_->atoms();
  for (std::size_t i = 1; i < slopes.size(); ++i) scan(slopes[i - 1], slopes[i], slopes[i - 1] > 0 ? 1 : 0);
  std::sort(gaps_.begin(), gaps_.end(), [](const Gap& a, const Gap& b) { return a.low < b.low; });
  find_right_end(ends_at_last_atom);
  snap_to_atoms();
  find_floor();
}

// ---- the chain ----

void ExplicitLaw::add(const std::vector<Step>& steps) {
  segments_.emplace_back();
  segments_.back().log_y = -1;
  segments_.back().terms.push_back({1, 1});
  const auto pole = [&](double a, double power) {
    auto& terms = segments_.back().terms;
    const auto same = std::find_if(terms.begin(), terms.end(), [&](const Term& t) { return t.a == a; });
    if (same != terms.end())
      same->power += power;
    else
      terms.push_back({a, power});
  };
  const auto project = [&](const Jump& jump) {
    if (jump.flat == 0) return;
    auto& jumps = segments_.back().projections;
    const auto same = std::find_if(jumps.begin(), jumps.end(),
                                   [&](const Jump& j) { return j.flat == jump.flat && j.width == jump.width; });
    if (same != jumps.end())
      same->power += jump.power;
    else
      jumps.push_back(jump);
  };
  for (const Step& step : steps) {
    Segment& now = segments_.back();
    if (const auto* scale = std::get_if<Scale>(&step)) {
      check::that(std::isfinite(scale->log), "ExplicitLaw: a logarithm must be finite, got ", scale->log);
      now.log_scale += scale->log;
    } else if (const auto* each = std::get_if<Pole>(&step)) {
      check::that(each->a > 0 && std::isfinite(each->a) && std::isfinite(each->power),
                  "ExplicitLaw: a pole must be finite and above 0, got ", each->a, " to the power ", each->power);
      pole(each->a, each->power);
    } else if (const auto* jump = std::get_if<Jump>(&step)) {
      check::that(jump->flat >= 0 && jump->flat < 1 && jump->power > 0 && jump->width > 0 &&
                      std::isfinite(jump->power + jump->width),
                  "ExplicitLaw: a jump wants a mass in [0, 1), and power and width above 0, got ", jump->flat, ", ",
                  jump->power, " and ", jump->width);
      project(*jump);
    } else if (const auto* flow = std::get_if<Flow>(&step)) {
      check::that(flow->smooth >= 0 && flow->jumps >= 0 && std::isfinite(flow->smooth + flow->jumps),
                  "ExplicitLaw: variances must be finite and at least 0, got ", flow->smooth, " and ", flow->jumps);
      now.smooth += flow->smooth;
      now.jumps += flow->jumps;
    } else if (const auto* slopes = std::get_if<Slopes>(&step)) {
      const double n = slopes->power, b = slopes->width;
      check::that(n > 0 && b > 0 && std::isfinite(n + b), "ExplicitLaw: power and width must be above 0, got ", n,
                  " and ", b);
      const auto atoms = positive_atoms(*slopes->law);
      if (atoms.size() == 1) {
        now.log_scale += n * std::log(atoms[0]);
        project({slopes->law->mass_at_zero(), n, b});
      } else {
        now.log_scale += n * std::log(b);
        now.log_y += n;
        pole(b, -n);
        const auto same = std::find_if(now.groups.begin(), now.groups.end(),
                                       [&](const Group& g) { return g.law == slopes->law && g.width == b; });
        if (same != now.groups.end())
          same->power += n;
        else
          now.groups.push_back({slopes->law, n, b});
      }
    } else if (const auto* affine = std::get_if<Affine>(&step)) {
      check::that(affine->factor > 0 && affine->offset >= 0 && std::isfinite(affine->factor + affine->offset),
                  "ExplicitLaw: an affine map wants factor > 0 and offset >= 0, got ", affine->factor, " and ",
                  affine->offset);
      now.factor = affine->factor;
      now.offset = affine->offset;
      affine_ |= affine->offset > 0;
      segments_.emplace_back();
    }
  }
}

/// The step that bounds the rank from above: with its omega as the unknown, small eigenvalues keep their digits.
void ExplicitLaw::choose_lead() {
  Segment& first = segments_.front();
  const auto steepest = std::max_element(first.terms.begin(), first.terms.end(), [](const Term& s, const Term& t) {
    return (s.power > 0 ? s.a : 0) < (t.power > 0 ? t.a : 0);
  });
  const auto bound = [](const Group& g) { return g.width / (1 - g.law->mass_at_zero()); };
  const auto widest = std::max_element(first.groups.begin(), first.groups.end(),
                                       [&](const Group& s, const Group& t) { return bound(s) < bound(t); });
  const auto flattest =
      std::max_element(first.projections.begin(), first.projections.end(),
                       [](const Jump& s, const Jump& t) { return s.width / (1 - s.flat) < t.width / (1 - t.flat); });
  const double of_jumps = flattest != first.projections.end() ? flattest->width / (1 - flattest->flat) : 0;
  const double a = steepest->power > 0 ? steepest->a : 0;
  if (of_jumps >= a && of_jumps > 0 && (widest == first.groups.end() || of_jumps > bound(*widest))) {
    lead_ = std::make_shared<const SquaredSlopes>(SquaredSlopes::two_valued(1 - flattest->flat, flattest->flat));
    lead_power_ = flattest->power;
    lead_width_ = flattest->width;
    lead_flat_ = flattest->flat;
    lead_is_single_ = lead_is_jump_ = true;
    first.projections.erase(flattest);
  } else if (widest != first.groups.end() && bound(*widest) >= a) {
    lead_ = widest->law;
    lead_power_ = widest->power;
    lead_width_ = widest->width;
    first.groups.erase(widest);
  } else {  // 1 + a y = a y w, a y = 1 / (w - 1)
    lead_ = std::make_shared<const SquaredSlopes>(SquaredSlopes::two_valued(1, 0));
    lead_width_ = a > 0 ? a : 1;
    lead_is_single_ = true;
    if (a > 0) {
      lead_power_ = steepest->power;
      first.log_scale += steepest->power * std::log(a);
      first.log_y += steepest->power;
      steepest->power = 0;
    }
  }
  for (Segment& each : segments_) {
    std::erase_if(each.terms, [](const Term& t) { return t.power == 0; });
    each.total = each.log_y;
    for (const Term& t : each.terms) each.total += t.power;
    for (const Group& g : each.groups) rest_laws_.push_back(g.law.get());
    rest_ += each.groups.size();
  }
}

ExplicitLaw::Point ExplicitLaw::point() const {
  Point p;
  p.rest.resize(rest_);
  return p;
}

/// 1 + a y without cancellation where y comes from the lead: where w is exact near 0, so is 1 + y next to its zero.
Complex ExplicitLaw::one_plus(double a, const SquaredSlopes::Point& lead, const SquaredSlopes::Moments& m,
                              Complex y) const {
  if (a == lead_width_) return m.one_plus_y;
  if (lead_is_single_) return (lead.omega - (lead_width_ - a + a * lead_flat_) / lead_width_) / lead.above;
  return 1.0 + a * y;
}

/// ln((1 - flat + by) / (1 + by)); kept: the numerator.
Complex ExplicitLaw::log_ratio(double flat, Complex one_plus_by, Complex kept) {
  const Complex u = -flat / one_plus_by;
  if (std::norm(u) < 0.25) return {0.5 * std::log1p(2 * u.real() + std::norm(u)), std::atan2(u.imag(), 1 + u.real())};
  return logarithm(kept) - logarithm(one_plus_by);
}

/// 1 - flat + by: next to its zero from omega, if the lead is a projection of the same width.
Complex ExplicitLaw::kept(const Jump& jump, bool first, const SquaredSlopes::Point& lead, Complex one_plus_by) const {
  if (first && lead_is_jump_ && jump.width == lead_width_)
    return ((1 - jump.flat) * lead.omega - (lead_flat_ - jump.flat)) / lead.above;
  return one_plus_by - jump.flat;
}

/// What the lead itself brings to ln z, beside its share in log_y and terms: power ln w; all of a projection's.
Complex ExplicitLaw::log_lead(Complex omega, Complex& slope) const {
  slope = 0;
  if (lead_power_ == 0) return 0;
  if (!lead_is_jump_) {
    slope = lead_power_ / omega;
    return lead_power_ * logarithm(omega);
  }
  // (1 - f + by) / (1 + by) = p w / (w - f).
  const double f = lead_flat_;
  slope = -lead_power_ * f / (omega * (omega - f));
  if (std::abs(omega) > 2 * f) return lead_power_ * (std::log1p(-f) - log_ratio(f, omega, omega - f));
  return lead_power_ * (std::log1p(-f) + logarithm(omega) - logarithm(omega - f));
}

/// 1 + a y where 1 + y is the number that has its digits.
Complex ExplicitLaw::one_plus(double a, Complex y, Complex one_plus_y) {
  if (a == 1) return one_plus_y;
  return modulus(one_plus_y) < 0.5 ? a * (one_plus_y - (a - 1) / a) : 1.0 + a * y;
}

ExplicitLaw::Value ExplicitLaw::value(Point& p) const {
  const auto start = lead_->moments(p.lead);
  Value v;
  v.y = start.y / lead_width_;
  v.one_plus_y = one_plus(1, p.lead, start, v.y);
  Complex y_slope = start.slope / lead_width_, y_lack = 0;  // of y: to the lead, and what is lacking
  v.log_z = log_lead(p.lead.omega, v.slope);
  v.lack = 0;
  v.rounding = 1 + std::abs(v.log_z) + 0.5 * lead_power_;  // an omega close to 1 has a logarithm without its digits
  bool first = true;
  auto place = p.rest.begin();
  for (const Segment& now : segments_) {
    Complex by_y;  // d ln z / d y
    const auto count = [&](Complex part) {
      v.log_z += part;
      v.rounding += std::abs(part.real()) + std::abs(part.imag()) + 0.25 * std::abs(v.log_z.real());
    };
    v.log_z += now.log_scale;
    v.rounding += std::abs(now.log_scale);
    if (modulus(v.y) > large) {
      const Complex inverse = 1.0 / v.y;
      if (now.total != 0) count(now.total * logarithm(v.y));
      by_y = now.total;
      Product product(1);
      for (const Term& t : now.terms) {
        const Complex sum = t.a + inverse;
        v.rounding += 0.5 * std::abs(t.power);
        if (t.power == 1) {
          product.take(sum, 1);
          continue;
        }
        count(t.power * logarithm(sum));
        by_y -= t.power * inverse / sum;
      }
      if (product.any()) {
        count(product.log());
        by_y -= inverse * product.slope();
      }
      by_y *= inverse;
    } else {
      by_y = 0;
      if (now.log_y != 0) {
        count(now.log_y * logarithm(v.y));
        by_y = now.log_y / v.y;
      }
      Product product(-1);
      for (const Term& t : now.terms) {
        const Complex plus = first ? one_plus(t.a, p.lead, start, v.y) : one_plus(t.a, v.y, v.one_plus_y);
        v.rounding += 0.5 * std::abs(t.power);  // what is lost of a y beside 1
        if (t.power == 1) {
          product.take(plus, t.a);
          continue;
        }
        count(t.power * logarithm(plus));
        by_y += t.power * t.a / plus;
      }
      if (product.any()) {
        count(product.log());
        by_y += product.slope();
      }
    }
    Product jumps(-1);
    double width = 0;
    Complex plus, inverse;
    for (const Jump& j : now.projections) {
      if (j.width != width) {
        width = j.width;
        plus = first ? one_plus(width, p.lead, start, v.y) : one_plus(width, v.y, v.one_plus_y);
        inverse = 1.0 / plus;
      }
      const Complex rest = kept(j, first, p.lead, plus);
      if (j.power == 1 && j.flat > 1e-6) {
        jumps.take(rest * inverse, j.flat * width * inverse * inverse);
      } else {  // what is as good as 1 keeps its digits as a logarithm
        count(j.power * log_ratio(j.flat, plus, rest));
        by_y += j.power * j.flat * width / (plus * rest);
      }
      v.rounding += (first ? 0.5 : 1) * j.power * j.flat / (std::abs(rest.real()) + std::abs(rest.imag()));
    }
    if (jumps.any()) {
      count(jumps.log());
      by_y += jumps.slope();
      v.rounding += 1e-2 * static_cast<double>(now.projections.size());
    }
    if (now.smooth != 0) {
      count(now.smooth * v.y);
      by_y += now.smooth;
    }
    if (now.jumps != 0) {
      count(now.jumps * v.y / v.one_plus_y);
      by_y += now.jumps / (v.one_plus_y * v.one_plus_y);
    }
    v.slope += by_y * y_slope;
    v.lack += by_y * y_lack;
    for (const Group& g : now.groups) {
      const auto m = g.law->moments(*place);
      const Complex goal = g.width * v.y;
      const Complex plus = first ? one_plus(g.width, p.lead, start, v.y) : one_plus(g.width, v.y, v.one_plus_y);
      const Complex excess = modulus(plus) < modulus(goal) ? m.one_plus_y - plus : m.y - goal;
      const Complex inverse = 1.0 / m.slope;
      place->to_lead = g.width * y_slope * inverse;
      place->lack = (g.width * y_lack - excess) * inverse;
      const Complex each = g.power / place->omega;
      count(g.power * logarithm(place->omega));
      v.rounding += 0.5 * g.power;
      v.slope += each * place->to_lead;
      v.lack += each * place->lack;
      v.rounding += 8 * modulus(each * inverse) * std::min(modulus(plus), modulus(goal));
      ++place;
    }
    if (now.offset > 0) {
      const Complex z = now.factor * std::exp(v.log_z), share = now.offset / z, whole = 1.0 + share;
      y_slope += share * (y_slope - v.slope * v.one_plus_y);
      y_lack += share * (y_lack - v.lack * v.one_plus_y);
      v.y += share * v.one_plus_y;
      v.one_plus_y *= whole;
      v.log_z = logarithm(z + now.offset);
      v.slope /= whole;
      v.lack /= whole;
    } else {
      v.log_z += std::log(now.factor);
    }
    first = false;
  }
  v.rounding *= 4e-16;
  v.y_slope = y_slope;
  v.y_lack = y_lack;
  return v;
}

/// Im U at a solution.
double ExplicitLaw::angle(const Point& p) const {
  const auto start = lead_->moments(p.lead);
  Complex y = start.y / lead_width_, one_plus_y = one_plus(1, p.lead, start, y);
  bool first = true;
  const auto of_slopes = [](const SquaredSlopes& law, double power, double width, const Omega& w) {
    double sum = power / width * law.mean_argument(w);
    if (width != 1) sum += power * (1 - 1 / width) * std::arg(w.omega);
    return sum;
  };
  const auto of_jump = [](double flat, double power, double width, double above, double below) {
    double out = power * flat / width * above;
    if (width != 1) out += power * (1 - 1 / width) * (above - below);
    return out;
  };
  double sum = 0;
  if (lead_is_jump_) {  // 1 - f + by = p w / (w - 1), 1 + by = (w - f) / (w - 1)
    const double turn = std::arg(p.lead.above);
    sum = of_jump(lead_flat_, lead_power_, lead_width_, std::arg(p.lead.omega) - turn,
                  std::arg(p.lead.omega - lead_flat_) - turn);
  } else {
    sum = of_slopes(*lead_, lead_power_, lead_width_, p.lead);
  }
  Complex slope;
  Complex log_z = affine_ ? log_lead(p.lead.omega, slope) : 0;
  auto place = p.rest.begin();
  for (const Segment& now : segments_) {
    const double turn = std::arg(y);
    sum += now.total * y.imag() + now.log_y * turn;
    for (const Term& t : now.terms)
      if (t.a != 1) {
        const Complex plus = first ? one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, one_plus_y);
        const double each = modulus(y) > large ? turn + std::arg(t.a + 1.0 / y) : std::arg(plus);
        sum += t.power * (1 - 1 / t.a) * each;
      }
    for (const Jump& j : now.projections) {
      const Complex plus = first ? one_plus(j.width, p.lead, start, y) : one_plus(j.width, y, one_plus_y);
      const Complex rest = kept(j, first, p.lead, plus);
      sum += of_jump(j.flat, j.power, j.width, std::arg(rest), std::arg(plus));
      if (affine_) log_z += j.power * log_ratio(j.flat, plus, rest);
    }
    sum += now.smooth * (y.imag() + y.imag() * y.real());
    if (now.jumps != 0) sum += now.jumps * std::arg(one_plus_y);
    if (affine_) {
      log_z += now.log_scale + now.log_y * logarithm(y) + now.smooth * y + now.jumps * y / one_plus_y;
      for (const Term& t : now.terms)
        log_z += t.power * logarithm(first ? one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, one_plus_y));
    }
    for (const Group& g : now.groups) {
      sum += of_slopes(*g.law, g.power, g.width, *place);
      if (affine_) log_z += g.power * logarithm(place->omega);
      ++place;
    }
    if (affine_) {
      const Complex z = now.factor * std::exp(log_z);
      y += now.offset / z * one_plus_y;
      one_plus_y *= 1.0 + now.offset / z;
      log_z = logarithm(z + now.offset);
    }
    first = false;
  }
  return sum;
}

/// The chain at a real lead outside the slopes; omegas of the other steps are solved for, each on its branch (-1: by
/// the sign of y).
ExplicitLaw::RealValue ExplicitLaw::real(Point& p, const std::vector<int>& branches) const {
  RealValue v;
  const auto start = lead_->moments(p.lead);
  double y = start.y.real() / lead_width_, plus = one_plus(1, p.lead, start, y).real();
  double y_slope = start.slope.real() / lead_width_;
  bool first = true;
  const auto of_slopes = [&](const SquaredSlopes& law, double power, double width, const Omega& w, double to_lead) {
    const double omega = w.omega.real();
    if (power != 0) v.log_z += power * std::log(std::abs(omega));
    v.slope += power * to_lead / omega;
    v.turns += power * (omega < 0);
    v.phase += power / width * law.mass_above(omega) + power * (1 - 1 / width) * (omega < 0);
  };
  const auto of_jump = [&](double flat, double power, double width, double above, double below) {
    const double u = -flat / below;
    v.log_z += power * (std::abs(u) < 0.5 ? std::log1p(u) : std::log(std::abs(above)) - std::log(std::abs(below)));
    v.turns -= power * (above < 0) - power * (below < 0);
    v.phase -= power * ((flat / width + 1 - 1 / width) * (above < 0) - (1 - 1 / width) * (below < 0));
  };
  if (lead_is_jump_) {
    const double w = p.lead.omega.real(), above = p.lead.above.real();
    of_jump(lead_flat_, lead_power_, lead_width_, (1 - lead_flat_) * w / above, (w - lead_flat_) / above);
    v.slope -= lead_power_ * lead_flat_ / (w * (w - lead_flat_));
  } else {
    of_slopes(*lead_, lead_power_, lead_width_, p.lead, 1);
  }
  auto place = p.rest.begin();
  for (const Segment& now : segments_) {
    const double inverse = 1 / y;
    double by_y = std::abs(y) > large ? now.total : now.log_y;
    v.log_z += now.log_scale + (std::abs(y) > large ? now.total : now.log_y) * std::log(std::abs(y));
    v.turns -= now.log_y * (y < 0);
    v.phase -= now.log_y * (y < 0);
    for (const Term& t : now.terms) {
      const double each = (first ? one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, plus)).real();
      if (std::abs(y) > large) {
        v.log_z += t.power * std::log(std::abs(t.a + inverse));
        by_y -= t.power * inverse / (t.a + inverse);
      } else {
        v.log_z += t.power * std::log(std::abs(each));
        by_y += t.power * t.a * y / each;
      }
      v.turns -= t.power * (each < 0);
      v.phase -= t.power * (1 - 1 / t.a) * (each < 0);
    }
    for (const Jump& j : now.projections) {
      const double each = (first ? one_plus(j.width, p.lead, start, y) : one_plus(j.width, y, plus)).real();
      const double rest = kept(j, first, p.lead, each).real();
      of_jump(j.flat, j.power, j.width, rest, each);
      by_y += j.power * j.flat * j.width * y / (each * rest);
    }
    v.log_z += now.smooth * y + now.jumps * y / plus;
    v.phase -= now.jumps * (plus < 0);
    v.slope += (by_y * inverse + now.smooth + now.jumps / (plus * plus)) * y_slope;
    for (const Group& g : now.groups) {
      const std::size_t k = static_cast<std::size_t>(place - p.rest.begin());
      const int branch = !branches.empty() && branches[k] >= 0 ? branches[k] : y > 0 ? branches_of(*g.law) - 1 : 0;
      const double goal = g.width * y;
      const double goal_plus = (first ? one_plus(g.width, p.lead, start, y) : one_plus(g.width, y, plus)).real();
      if (!invert(*g.law, goal, goal_plus, branch, *place)) return v;
      place->to_lead = g.width * y_slope / g.law->moments(*place).slope.real();
      place->lack = 0;
      of_slopes(*g.law, g.power, g.width, *place, place->to_lead.real());
      ++place;
    }
    v.turns = std::abs(v.turns - std::round(v.turns)) < 1e-6 ? std::round(v.turns) : v.turns;
    if (now.offset > 0) {
      if (v.turns != 0 && v.turns != 1) return v;
      const double z = now.factor * std::exp(v.log_z) * (v.turns == 1 ? -1 : 1);
      if (!(z * v.slope > 0)) return v;
      const double share = now.offset / z, whole = 1 + share;
      y_slope += share * (y_slope - v.slope * plus);
      y += share * plus;
      plus *= whole;
      v.log_z = std::log(std::abs(z + now.offset));
      v.slope /= whole;
      v.turns = z + now.offset < 0 ? 1 : 0;
    } else {
      v.log_z += std::log(now.factor);
    }
    first = false;
  }
  v.y = y;
  v.one_plus_y = plus;
  v.exists = std::isfinite(v.log_z) && std::isfinite(v.slope);
  return v;
}

// ---- Newton's method, and the way there ----

/// Takes the lead by `step` and the others along, less far if one would leave the half-plane or go more than half of
/// the way to a singular point. size: the largest relative step. False if it is not finite.
bool ExplicitLaw::move(Point& p, Complex step, double& size) const {
  double share = 1;
  size = 0;
  const auto limit = [&](const Omega& w, Complex each) {
    const double most = reach(w) / 2, length = modulus(each);
    size = std::max(size, length / (2 * most));
    if (length * share > most) share = most / length;
    if (length < 1e-12 * most) return;  // rounding, which hold_up takes care of
    if (w.omega.imag() + share * each.imag() <= 0) share *= 0.9 * w.omega.imag() / (-share * each.imag());
  };
  limit(p.lead, step);
  for (const auto& w : p.rest) limit(w, w.to_lead * step + w.lack);
  if (!std::isfinite(size)) return false;
  const auto hold_up = [](const Omega& w, Complex each) {
    const bool leaves = w.omega.imag() > 0 && w.omega.imag() + each.imag() <= 0;
    return leaves ? Complex(each.real(), -0.9 * w.omega.imag()) : each;
  };
  for (std::size_t k = 0; k < p.rest.size(); ++k)
    rest_laws_[k]->move(p.rest[k], hold_up(p.rest[k], share * (p.rest[k].to_lead * step + p.rest[k].lack)));
  lead_->move(p.lead, hold_up(p.lead, share * step));
  size *= share;
  return true;
}

/// Solves ln z = log_z from a guess p in the upper half-plane, and stays there. `found` has y of the last point, to
/// first order of the last step.
bool ExplicitLaw::newton(Point& p, Complex log_z, int steps, Tally& tally, Value* found) const {
  Convergence convergence(1e-15);
  for (int i = 0; i < steps; ++i) {
    ++tally.iterations;
    const Value v = value(p);
    const Complex residual = log_z - v.log_z - v.lack;
    double size = 0;
    const Complex step = residual / v.slope;
    if (!move(p, step, size)) return false;
    const bool at_rounding = modulus(residual) <= v.rounding && size < 1e-3;
    const bool last = i == steps - 1 && modulus(residual) <= 64 * v.rounding && size < 1e-9;
    if (convergence.done(size, at_rounding) || last) {
      tally.residual = modulus(residual) * convergence.shrinks();
      if (found != nullptr) {
        *found = v;
        const Complex change = v.y_slope * step + v.y_lack;
        found->y += change;
        found->one_plus_y += change;
      }
      return true;
    }
  }
  return false;
}

/// The lead at z = -e^log_modulus: it is negative too, and z rises with it.
bool ExplicitLaw::negative_root(Point& p, double log_modulus) const {
  double low = -infinity, high = infinity, t = 0;
  for (int i = 0; i < 400; ++i) {
    p.lead = lead_->at(-std::exp(t));
    const RealValue v = real(p, {});
    const bool there = v.exists && v.turns == 1;
    const double r = there ? v.log_z - log_modulus : -1;
    (r > 0 ? high : low) = t;
    const double step = there ? std::clamp(-r / (p.lead.omega.real() * v.slope), -30.0, 30.0) : 1.0 + std::abs(t);
    if (there && std::abs(step) < 1e-13 * std::max(1.0, std::abs(t))) return true;
    if (high - low < 4e-16 * std::abs(t)) return there;
    t += step;
    if (!(t > low && t < high)) t = std::isinf(low) ? high - 1 : std::isinf(high) ? low + 1 : (low + high) / 2;
    if (std::abs(t) > 700) return false;
  }
  return false;
}

/// The point at |z| e^{i argument}, argument in [0, pi): starts on the negative axis, where it is the root of a
/// monotone function, and turns.
bool ExplicitLaw::from_afar(Point& p, double log_modulus, double argument, Tally& tally) const {
  p = point();
  if (!negative_root(p, log_modulus)) return false;
  double here = pi, turn = 0.25;
  Complex slope = real(p, {}).slope;
  while (here > argument) {
    const double there = std::max(here - turn, argument);
    Point next = p;
    const Complex step = Complex(0, there - here) / slope;
    const double scale = reach(p.lead);
    bool good = modulus(step) < scale / 2 && p.lead.omega.imag() + step.imag() > 0;
    for (auto& w : next.rest) {
      w.lack = 0;
      good = good && modulus(w.to_lead * step) < reach(w) / 2 && w.omega.imag() + (w.to_lead * step).imag() > 0;
    }
    double size = 0;
    if (good && move(next, step, size))
      good =
          newton(next, {log_modulus, there}, 10, tally) && modulus(next.lead.omega - p.lead.omega - step) < scale / 4;
    if (good) {
      p = next;
      here = there;
      slope = value(p).slope;
      turn *= 1.5;
    } else {
      turn *= 0.4;
      // Where the density is below rounding, omega cannot come closer to the axis than rounding lets it.
      if (turn < 1e-18) return here - argument < 1e-11;
    }
  }
  return true;
}

void ExplicitLaw::keep(Trail& trail, const Point& p, double log_x, Complex slope) const {
  if (trail.known > 0) {
    trail.log_x[1] = trail.log_x[0];
    std::swap(trail.at[0], trail.at[1]);
    std::swap(trail.slope[0], trail.slope[1]);
  }
  trail.log_x[0] = log_x;
  trail.at[0].assign(1, p.lead.omega);
  trail.slope[0].assign(1, 1.0 / slope);
  for (const Place& w : p.rest) {
    trail.at[0].push_back(w.omega);
    trail.slope[0].push_back(w.to_lead / slope);
  }
  trail.known = std::min(trail.known + 1, 2);
}

/// From the last solutions, by the cubic through two of them, or the tangent at one.
bool ExplicitLaw::along(Point& p, Trail& trail, double log_x, Value& found) const {
  const double ahead = log_x - trail.log_x[0], apart = trail.log_x[0] - trail.log_x[1];
  const bool cubic = trail.known == 2 && apart != 0 && std::abs(ahead) < 3 * std::abs(apart);
  const double u = cubic ? ahead / apart : 0;
  const auto step = [&](std::size_t k) {
    const Complex tangent = trail.slope[0][k] * ahead;
    if (!cubic) return tangent;
    // Beyond the tangent: u^2 and u^3 that meet the point before and its slope.
    const Complex off = trail.at[1][k] - trail.at[0][k] + trail.slope[0][k] * apart;
    const Complex turn = (trail.slope[1][k] - trail.slope[0][k]) * apart;
    return tangent + u * u * (3.0 * off + turn) + u * u * u * (2.0 * off + turn);
  };
  Point guess = p;
  const Complex lead = step(0);
  for (std::size_t k = 0; k < guess.rest.size(); ++k) {
    Place& w = guess.rest[k];
    w.to_lead = trail.slope[0][k + 1] / trail.slope[0][0];
    w.lack = step(k + 1) - w.to_lead * lead;
  }
  double size = 0;
  if (!(modulus(lead) < reach(p.lead) / 2) || !(p.lead.omega.imag() + lead.imag() > 0) || !move(guess, lead, size) ||
      !newton(guess, log_x, 8, trail.tally, &found))
    return false;
  p = std::move(guess);
  return true;
}

/// The point at x + i0 inside the support: from the last point, from an edge nearby, or from afar.
bool ExplicitLaw::in_bulk(Point& p, Trail& trail, double log_x, Value& found) const {
  for (const Edge& edge : edges_) {
    const double square = 2 * (log_x - edge.log_x) / edge.curvature;
    if (std::abs(log_x - edge.log_x) > 1e-4 || square >= 0) continue;
    Point guess = edge.at;
    double size = 0;
    const Complex step(0, std::sqrt(-square));
    if (!move(guess, step, size)) continue;
    const SquaredSlopes::Point start = guess.lead;
    // A root that is not the one nearby may be none that is seen from above.
    if (newton(guess, log_x, 30, trail.tally) && modulus(guess.lead.omega - start.omega) < 0.03 * modulus(step)) {
      p = std::move(guess);
      found = value(p);
      trail.known = 0;
      keep(trail, p, log_x, found.slope);
      return true;
    }
  }
  if (trail.known == 0 || std::abs(log_x - trail.log_x[0]) >= 1 || !along(p, trail, log_x, found)) {
    trail.known = 0;
    if (!from_afar(p, log_x, 0, trail.tally)) return false;
    found = value(p);
  }
  keep(trail, p, log_x, found.slope);
  return true;
}

/// in_bulk, or, where x is within rounding of an end of (low, high), at the nearest point that can be told from it.
bool ExplicitLaw::solve(double low, double high, double x, Point& p, Trail& trail, Value& found) const {
  const double log_x = std::max(std::log(x), log_floor_);
  if (in_bulk(p, trail, log_x, found)) return true;
  const double inwards = high - x < x - low ? -1 : 1;
  for (double nudge = 1e-15; nudge < 2e-11 && std::min(high - x, x - low) < nudge * x; nudge *= 10)
    if (in_bulk(p, trail, log_x + inwards * nudge, found)) return true;
  return false;
}

// ---- support first ----

/// The end of a real interval of the lead that is free of mass, by bisection.
ExplicitLaw::Edge ExplicitLaw::refine(Point outside, Point inside, const std::vector<int>& branches) const {
  for (int i = 0; i < 200; ++i) {
    check_interrupt();
    Point middle = outside;
    const auto &out = outside.lead, &in = inside.lead;
    const bool from_zero = std::abs(out.omega) < std::abs(out.above);
    lead_->move(middle.lead, (from_zero ? in.omega - out.omega : in.above - out.above) / 2.0);
    const auto& now = middle.lead;
    if ((now.above == out.above && now.omega == out.omega) || (now.above == in.above && now.omega == in.omega)) break;
    (real(middle, branches).free() ? outside : inside) = middle;
  }
  Point left = outside, right = outside;
  const double h = 1e-5 * reach(outside.lead);
  lead_->move(left.lead, -h);
  lead_->move(right.lead, h);
  Edge edge{real(outside, branches).log_z, 0, outside};
  const RealValue before = real(left, branches), after = real(right, branches), here = real(edge.at, branches);
  // At the end of what the others reach there is no point on the far side.
  edge.curvature = before.exists && after.exists ? (after.slope - before.slope) / (2 * h)
                   : after.exists                ? (after.slope - here.slope) / h
                                                 : (here.slope - before.slope) / h;
  return edge;
}

/// An atom's place, if that is where log_x is but for rounding.
double ExplicitLaw::snapped(double log_x) const {
  const double x = std::exp(log_x);
  for (const Atom& atom : atoms_)
    if (atom.location > 0 && std::abs(log_x - std::log(atom.location)) < 1e-12 * std::max(1.0, std::abs(log_x)))
      return atom.location;
  return x;
}

void ExplicitLaw::find_right_end(bool known) {
  const double top = lead_->top();
  double high = known ? atoms_.back().location : infinity;
  if (!known) {
    Point outside = point(), inside = point();
    double log_x = -infinity, far = std::log(1e8);
    for (;; far += std::log(1e8)) {  // an affine map with a small factor sends the end far out
      outside.lead = lead_->at_above(top * std::exp(far));
      const RealValue v = real(outside, {});
      log_x = v.log_z;
      if (v.free() || far > 600) break;
    }
    bool found = false;
    for (double t = far; t > std::log(1e-18) && !found; t -= 0.15) {
      check_interrupt();
      inside = outside;
      inside.lead = lead_->at_above(top * std::exp(t));
      const RealValue v = real(inside, {});
      found = !v.free();
      if (!found) {
        outside = inside;
        log_x = v.log_z;
      }
    }
    // If not found, the slopes thin out so fast towards the largest one that omega reaches it.
    if (found) {
      edges_.push_back(refine(outside, inside, {}));
      log_x = edges_.back().log_x;
    }
    high = snapped(log_x);
  }
  gaps_.push_back({high, infinity, 1.0});
}

/// The images of a lead in (low, high), an interval free of slopes, that are real and increase: intervals free of mass.
void ExplicitLaw::find_gaps(double low, double high, const std::vector<int>& branches) {
  const auto at = [&](double u) {
    if (std::isinf(low)) return lead_->at(-std::exp(-u));
    if (std::isinf(high)) return lead_->at_above(std::exp(u));
    const double width = high - low, below = width / (1 + std::exp(u));
    return high == lead_->top() ? lead_->at_above(-below) : lead_->at(low + width / (1 + std::exp(-u)));
  };
  const double end = 36, step = 0.1;
  const int steps = static_cast<int>(2 * end / step);
  bool inside = false;
  Gap gap{};
  Point p = point(), before = p;
  RealValue last;
  std::vector<RealValue> run;
  const bool doubtful =
      std::any_of(rest_laws_.begin(), rest_laws_.end(), [](const auto* law) { return branches_of(*law) > 2; });
  const auto place = [](const RealValue& v) { return v.turns == 1 ? 0.0 : std::exp(v.log_z); };
  // As far from u towards `to` as the gap at u goes.
  const auto reach = [&](double u, double to, RealValue known) {
    Point probe = p;
    for (int i = 0; i < 80 && u != to; ++i) {
      const double middle = (u + to) / 2;
      if (middle == u || middle == to) break;
      probe.lead = at(middle);
      const RealValue v = real(probe, branches);
      const bool same = v.free() && std::abs(v.phase - known.phase) < 1e-6;
      (same ? u : to) = middle;
      if (same) known = v;
    }
    return known;
  };
  std::size_t known_edges = edges_.size();
  const auto close = [&] {
    if (gap.low == 0) gap.cdf = 0;
    const bool right_end = std::isinf(high) && gap.cdf > 1 - 1e-9;  // it is found by itself
    if (gap.high > gap.low * (1 + 1e-14) && gap.high > 0 && !right_end && (!doubtful || is_physical(run)))
      gaps_.push_back(gap);
    else  // points close to an end that is none must not start there
      edges_.erase(edges_.begin() + static_cast<std::ptrdiff_t>(known_edges), edges_.end());
    known_edges = edges_.size();
  };
  for (int i = 0; i <= steps + 1; ++i) {
    check_interrupt();
    before = p;
    p.lead = at(-end + i * step);
    const RealValue v = i <= steps ? real(p, branches) : RealValue{};
    const bool now = v.free();
    double jump = now && inside ? last.phase - v.phase : 0;  // of the distribution function: atoms, or what was missed
    for (const Atom& atom : atoms_)
      jump -= jump != 0 && place(last) < atom.location && atom.location <= place(v) ? atom.mass : 0;
    if (std::abs(jump) > 1e-6) {
      // Two gaps, with a piece of the support between them that this step has jumped: up to where each is known.
      gap.high = place(reach(-end + (i - 1) * step, -end + i * step, last));
      close();
      run.clear();
      gap = {place(reach(-end + i * step, -end + (i - 1) * step, v)), infinity, 1 - v.phase};
    } else if (now && !inside) {
      gap.cdf = 1 - v.phase;
      if (i == 0) {
        gap.low = low == 0 && !affine_ ? 0.0 : place(v);
      } else {
        edges_.push_back(refine(p, before, branches));
        gap.low = v.turns == 1 ? 0.0 : snapped(edges_.back().log_x);
      }
    } else if (!now && inside) {
      if (i > steps) {
        gap.high = place(last);
      } else {
        edges_.push_back(refine(before, p, branches));
        // It may end next to 0, and rounding leave it there on the negative side.
        const bool negative = real(edges_.back().at, branches).turns == 1;
        gap.high = negative ? 0.0 : snapped(edges_.back().log_x);
      }
      close();
    }
    inside = now;
    if (now) {
      last = v;
      run.push_back(v);
    } else {
      run.clear();
    }
  }
}

/// Whether a gap is one in the middle and close to both ends: a wrong branch may join the right one at a singular
/// point.
bool ExplicitLaw::is_physical(const std::vector<RealValue>& run) const {
  const auto place = [](const RealValue& v) { return v.turns == 1 ? 0.0 : std::exp(v.log_z); };
  const double low = place(run.front()), high = place(run.back());
  for (const double share : {0.5, 0.9, 0.1}) {
    const double goal = low + share * (high - low);
    const auto nearest = std::min_element(run.begin(), run.end(), [&](const RealValue& a, const RealValue& b) {
      return std::abs(place(a) - goal) < std::abs(place(b) - goal);
    });
    if (!is_physical(*nearest)) return false;
  }
  return true;
}

/// Whether the solution just above the axis is next to a real one: with branches to choose from there are others.
bool ExplicitLaw::is_physical(const RealValue& v) const {
  if (v.turns == 1) return true;
  Point p;
  Tally tally;
  if (!from_afar(p, v.log_z, 1e-7, tally)) return false;
  const Value found = value(p);
  return std::abs(found.y - v.y) < 1e-3 * std::abs(v.y) &&
         std::abs(found.one_plus_y - v.one_plus_y) < 1e-3 * std::abs(v.one_plus_y);
}

/// Gaps end exactly at atoms where they end there at all, and never hold one.
void ExplicitLaw::snap_to_atoms() {
  const double at_zero = !atoms_.empty() && atoms_.front().location == 0 ? atoms_.front().mass : 0;
  std::vector<Gap> out;
  // Where an affine map takes a point through 0, its rounding may part a gap in two.
  const double rounding = gaps_.empty() ? 0 : 1e-14 * gaps_.back().low;
  for (std::size_t i = gaps_.size(); i-- > 1;)
    if (affine_ && gaps_[i].low - gaps_[i - 1].high < rounding && std::abs(gaps_[i].cdf - gaps_[i - 1].cdf) < 1e-15) {
      gaps_[i - 1].high = gaps_[i].high;
      gaps_.erase(gaps_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  if (affine_ && !gaps_.empty() && gaps_[0].low < rounding && std::abs(gaps_[0].cdf - at_zero) < 1e-15)
    gaps_[0].low = 0;
  for (Gap gap : gaps_) {
    if (gap.low == 0) gap.cdf = at_zero;
    gap.cdf = std::clamp(gap.cdf, 0.0, 1.0);
    for (const Atom& atom : atoms_) {
      const double x = atom.location;
      if (x <= 0) continue;
      if (std::abs(gap.low - x) < 1e-12 * x) gap.low = x;
      if (std::abs(gap.high - x) < 1e-12 * x) gap.high = x;
      if (gap.low < x && x < gap.high) {
        out.push_back({gap.low, x, gap.cdf});
        gap = {x, gap.high, gap.cdf + atom.mass};
      }
    }
    if (gap.high > gap.low) out.push_back(gap);
  }
  gaps_ = std::move(out);
}

/// Where slopes go through 0, eigenvalues below those of the least resolved slope are not resolved.
void ExplicitLaw::find_floor() {
  double least = 0;  // y: the one that is reached first
  const auto take = [&](const SquaredSlopes& law, double width) {
    if (law.resolved() > 0) least = std::min(least, law.moments(law.at(-law.resolved())).y.real() / width);
  };
  take(*lead_, lead_width_);
  if (segments_.size() == 1)
    for (const Group& g : segments_.front().groups) take(*g.law, g.width);
  if (least == 0) return;
  Point p = point();
  p.lead = lead_->at(-std::max(lead_->resolved(), 1e-300));
  if (!(lead_->resolved() > 0) || lead_->moments(p.lead).y.real() / lead_width_ < least * (1 + 1e-15))
    if (!invert(*lead_, least * lead_width_, 1 + least * lead_width_, 0, p.lead)) return;
  const RealValue v = real(p, {});
  if (v.exists) log_floor_ = v.log_z;
}

// ---- what users ask for ----

ExplicitLaw::Report ExplicitLaw::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf,
                                          int threads) const {
  check::that(density.size() == x.size() && (cdf.size() == x.size() || cdf.size() == 0),
              "evaluate: outputs must be as long as x");
  const bool both = cdf.size() > 0;
  check::that(x.size() == 0 || !x.hasNaN(), "evaluate: x must not be NaN");
  const std::vector<Index> order = ascending(x);
  const auto at_atom = [&](double location) {
    for (const Atom& atom : atoms_)
      if (atom.location == location) return atom.mass;
    return 0.0;
  };
  const auto start = [&] {
    return [&, p = point(), trail = Trail(), v = Value()](Index k, Tally& tally) mutable {
      const Index i = order[static_cast<std::size_t>(k)];
      density[i] = 0;
      if (both) cdf[i] = 0;
      if (x[i] <= 0) return true;
      const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return x[i] < g.high; });
      if (gap == gaps_.end() || x[i] >= gap->low) {
        if (both) cdf[i] = gap == gaps_.end() ? 1.0 : gap->cdf;
        return true;
      }
      trail.tally = {};
      const double low = gap == gaps_.begin() ? 0.0 : std::prev(gap)->high;
      const bool good = solve(low, gap->low, x[i], p, trail, v);
      tally = trail.tally;
      density[i] = !good ? not_a_number : std::log(x[i]) < log_floor_ ? 0.0 : std::max(-v.y.imag(), 0.0) / (pi * x[i]);
      if (both) cdf[i] = good ? std::clamp(1 - angle(p) / pi, 0.0, 1.0) : not_a_number;
      // At the end itself rounding would count what lies within rounding of it.
      if (both && good && x[i] == low) cdf[i] = std::prev(gap)->cdf + at_atom(low);
      return good;
    };
  };
  return solve_points(x.size(), 256, threads, start, [&](Index k) { return x[order[static_cast<std::size_t>(k)]]; });
}

ExplicitLaw::Report ExplicitLaw::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  g.resize(z.size());
  const auto one = [&](Complex z, Complex& g, Tally& tally) {
    check::that(z.imag() >= 0 && std::isfinite(std::abs(z)) && z != 0.0,
                "resolvent: z must be finite, not 0, and not below the real axis, got ", z);
    const double log_modulus = std::log(std::abs(z));
    Point p = point();
    if (z.imag() == 0 && z.real() < 0) {
      const bool good = negative_root(p, log_modulus);
      g = good ? real(p, {}).one_plus_y / z.real() : not_a_number;
      return good;
    }
    bool in_gap = false;
    if (z.imag() == 0) {
      const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& each) { return z.real() < each.high; });
      in_gap = gap == gaps_.end() || z.real() >= gap->low;
    }
    Trail trail;
    Value found;
    // In a gap omega is real: come as close as rounding allows.
    const bool good = in_gap          ? from_afar(p, log_modulus, 1e-14, trail.tally)
                      : z.imag() == 0 ? in_bulk(p, trail, std::max(log_modulus, log_floor_), found)
                                      : from_afar(p, log_modulus, std::arg(z), trail.tally);
    tally = trail.tally;
    g = good ? value(p).one_plus_y / z : Complex(not_a_number, 0);
    if (in_gap && good) g = g.real();
    return good;
  };
  const auto start = [&] {
    return [&](Index k, Tally& tally) {
      const auto i = static_cast<std::size_t>(k);
      return one(z[i], g[i], tally);
    };
  };
  const auto place = [&](Index k) { return std::abs(z[static_cast<std::size_t>(k)]); };
  return solve_points(static_cast<Index>(z.size()), 16, threads, start, place);
}

}  // namespace deeprmt::freeprob
