#include "chain.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "log_product.hpp"
#include "logarithm.hpp"
#include "real_omega.hpp"

namespace deeprmt::freeprob {
namespace {

using Complex = std::complex<double>;
using Omega = SquaredSlopes::Point;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double large = 4;  // |y| from which 1 + a y is taken as y (a + 1 / y)

/// 1 + a y where 1 + y is the number that has its digits.
Complex one_plus(double a, Complex y, Complex one_plus_y) {
  if (a == 1) return one_plus_y;
  return modulus(one_plus_y) < 0.5 ? a * (one_plus_y - (a - 1) / a) : 1.0 + a * y;
}

}  // namespace

bool Chain::RealValue::free() const { return exists && (turns == 0 ? slope > 0 : turns == 1 && slope < 0); }

Chain::Chain(const std::vector<ExplicitLaw::Step>& steps) : segments_(segments_of(steps)), lead_(segments_.front()) {
  is_affine_ = std::any_of(segments_.begin(), segments_.end(), [](const Segment& each) { return each.offset > 0; });
  for (Segment& each : segments_) {
    std::erase_if(each.terms, [](const Term& t) { return t.power == 0; });
    each.total = each.log_y;
    for (const Term& t : each.terms) each.total += t.power;
    for (const Group& g : each.groups) rest_laws_.push_back(g.law.get());
  }
}

Chain::Point Chain::point() const {
  Point p;
  p.rest.resize(rest_laws_.size());
  return p;
}

Chain::Value Chain::value(Point& p) const {
  const auto start = lead_.law->moments(p.lead);
  Value v;
  v.y = start.y / lead_.width;
  v.one_plus_y = lead_.one_plus(1, p.lead, start, v.y);
  Complex y_slope = start.slope / lead_.width, y_lack = 0;  // of y: to the lead, and what is lacking
  v.log_z = lead_.log_z(p.lead.omega, v.slope);
  v.lack = 0;
  v.rounding = 1 + std::abs(v.log_z) + 0.5 * lead_.power;  // an omega close to 1 has a logarithm without its digits
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
      LogProduct product(1);
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
      LogProduct product(-1);
      for (const Term& t : now.terms) {
        const Complex plus = first ? lead_.one_plus(t.a, p.lead, start, v.y) : one_plus(t.a, v.y, v.one_plus_y);
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
    LogProduct jumps(-1);
    double width = 0;
    Complex plus, inverse;
    for (const ExplicitLaw::Jump& j : now.projections) {
      if (j.width != width) {
        width = j.width;
        plus = first ? lead_.one_plus(width, p.lead, start, v.y) : one_plus(width, v.y, v.one_plus_y);
        inverse = 1.0 / plus;
      }
      const Complex rest = first ? lead_.kept(j, p.lead, plus) : plus - j.flat;
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
      const Complex plus = first ? lead_.one_plus(g.width, p.lead, start, v.y) : one_plus(g.width, v.y, v.one_plus_y);
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

double Chain::angle(const Point& p) const {
  const auto start = lead_.law->moments(p.lead);
  Complex y = start.y / lead_.width, one_plus_y = lead_.one_plus(1, p.lead, start, y);
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
  if (lead_.is_jump) {  // 1 - f + by = p w / (w - 1), 1 + by = (w - f) / (w - 1)
    const double turn = std::arg(p.lead.above);
    sum = of_jump(lead_.flat, lead_.power, lead_.width, std::arg(p.lead.omega) - turn,
                  std::arg(p.lead.omega - lead_.flat) - turn);
  } else {
    sum = of_slopes(*lead_.law, lead_.power, lead_.width, p.lead);
  }
  Complex slope;
  Complex log_z = is_affine_ ? lead_.log_z(p.lead.omega, slope) : 0;
  auto place = p.rest.begin();
  for (const Segment& now : segments_) {
    const double turn = std::arg(y);
    sum += now.total * y.imag() + now.log_y * turn;
    for (const Term& t : now.terms)
      if (t.a != 1) {
        const Complex plus = first ? lead_.one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, one_plus_y);
        const double each = modulus(y) > large ? turn + std::arg(t.a + 1.0 / y) : std::arg(plus);
        sum += t.power * (1 - 1 / t.a) * each;
      }
    for (const ExplicitLaw::Jump& j : now.projections) {
      const Complex plus = first ? lead_.one_plus(j.width, p.lead, start, y) : one_plus(j.width, y, one_plus_y);
      const Complex rest = first ? lead_.kept(j, p.lead, plus) : plus - j.flat;
      sum += of_jump(j.flat, j.power, j.width, std::arg(rest), std::arg(plus));
      if (is_affine_) log_z += j.power * log_ratio(j.flat, plus, rest);
    }
    sum += now.smooth * (y.imag() + y.imag() * y.real());
    if (now.jumps != 0) sum += now.jumps * std::arg(one_plus_y);
    if (is_affine_) {
      log_z += now.log_scale + now.log_y * logarithm(y) + now.smooth * y + now.jumps * y / one_plus_y;
      for (const Term& t : now.terms)
        log_z += t.power * logarithm(first ? lead_.one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, one_plus_y));
    }
    for (const Group& g : now.groups) {
      sum += of_slopes(*g.law, g.power, g.width, *place);
      if (is_affine_) log_z += g.power * logarithm(place->omega);
      ++place;
    }
    if (is_affine_) {
      const Complex z = now.factor * std::exp(log_z);
      y += now.offset / z * one_plus_y;
      one_plus_y *= 1.0 + now.offset / z;
      log_z = logarithm(z + now.offset);
    }
    first = false;
  }
  return sum;
}

Chain::RealValue Chain::real(Point& p, const std::vector<int>& branches) const {
  RealValue v;
  const auto start = lead_.law->moments(p.lead);
  double y = start.y.real() / lead_.width, plus = lead_.one_plus(1, p.lead, start, y).real();
  double y_slope = start.slope.real() / lead_.width;
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
  if (lead_.is_jump) {
    const double w = p.lead.omega.real(), above = p.lead.above.real();
    of_jump(lead_.flat, lead_.power, lead_.width, (1 - lead_.flat) * w / above, (w - lead_.flat) / above);
    v.slope -= lead_.power * lead_.flat / (w * (w - lead_.flat));
  } else {
    of_slopes(*lead_.law, lead_.power, lead_.width, p.lead, 1);
  }
  auto place = p.rest.begin();
  for (const Segment& now : segments_) {
    const double inverse = 1 / y;
    double by_y = std::abs(y) > large ? now.total : now.log_y;
    v.log_z += now.log_scale + (std::abs(y) > large ? now.total : now.log_y) * std::log(std::abs(y));
    v.turns -= now.log_y * (y < 0);
    v.phase -= now.log_y * (y < 0);
    for (const Term& t : now.terms) {
      const double each = (first ? lead_.one_plus(t.a, p.lead, start, y) : one_plus(t.a, y, plus)).real();
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
    for (const ExplicitLaw::Jump& j : now.projections) {
      const double each = (first ? lead_.one_plus(j.width, p.lead, start, y) : one_plus(j.width, y, plus)).real();
      const double rest = first ? lead_.kept(j, p.lead, each).real() : each - j.flat;
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
      const double goal_plus = (first ? lead_.one_plus(g.width, p.lead, start, y) : one_plus(g.width, y, plus)).real();
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

double Chain::log_floor() const {
  double least = -infinity;  // y: the one that is reached first on the way down from 0
  // Where the lead's rank ends sooner, a compressed law has no eigenvalues at its least slopes.
  const double last = lead_.law->resolved() > 0 ? -infinity : -(1 - lead_.law->mass_at_zero()) / lead_.width;
  const auto take = [&](const SquaredSlopes& law, double width) {
    if (!(law.resolved() > 0)) return;
    const double y = law.moments(law.at(-law.resolved())).y.real() / width;
    if (y > last) least = std::max(least, y);
  };
  take(*lead_.law, lead_.width);
  if (segments_.size() == 1)
    for (const Group& g : segments_.front().groups) take(*g.law, g.width);
  if (std::isinf(least)) return -infinity;
  Point p = point();
  p.lead = lead_.law->at(-std::max(lead_.law->resolved(), 1e-300));
  if (!(lead_.law->resolved() > 0) || lead_.law->moments(p.lead).y.real() / lead_.width < least * (1 + 1e-15))
    if (!invert(*lead_.law, least * lead_.width, 1 + least * lead_.width, 0, p.lead)) return -infinity;
  const RealValue v = real(p, {});
  return v.exists && v.turns == 1 ? v.log_z : -infinity;
}

}  // namespace deeprmt::freeprob
