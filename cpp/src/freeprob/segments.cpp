#include "segments.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/check.hpp"
#include "real_omega.hpp"

namespace deeprmt::freeprob {

std::vector<Segment> segments_of(const std::vector<ExplicitLaw::Step>& steps) {
  std::vector<Segment> segments;
  segments.emplace_back();
  segments.back().log_y = -1;
  segments.back().terms.push_back({1, 1});
  const auto pole = [&](double a, double power) {
    auto& terms = segments.back().terms;
    const auto same = std::find_if(terms.begin(), terms.end(), [&](const Term& t) { return t.a == a; });
    if (same != terms.end())
      same->power += power;
    else
      terms.push_back({a, power});
  };
  const auto project = [&](const ExplicitLaw::Jump& jump) {
    if (jump.flat == 0) return;
    auto& jumps = segments.back().projections;
    const auto same = std::find_if(jumps.begin(), jumps.end(), [&](const ExplicitLaw::Jump& j) {
      return j.flat == jump.flat && j.width == jump.width;
    });
    if (same != jumps.end())
      same->power += jump.power;
    else
      jumps.push_back(jump);
  };
  for (const ExplicitLaw::Step& step : steps) {
    Segment& now = segments.back();
    if (const auto* scale = std::get_if<ExplicitLaw::Scale>(&step)) {
      check::that(std::isfinite(scale->log), "ExplicitLaw: a logarithm must be finite, got ", scale->log);
      now.log_scale += scale->log;
    } else if (const auto* each = std::get_if<ExplicitLaw::Pole>(&step)) {
      check::that(each->a > 0 && std::isfinite(each->a) && std::isfinite(each->power),
                  "ExplicitLaw: a pole must be finite and above 0, got ", each->a, " to the power ", each->power);
      pole(each->a, each->power);
    } else if (const auto* jump = std::get_if<ExplicitLaw::Jump>(&step)) {
      check::that(jump->flat >= 0 && jump->flat < 1 && jump->power > 0 && jump->width > 0 &&
                      std::isfinite(jump->power + jump->width),
                  "ExplicitLaw: a jump wants a mass in [0, 1), and power and width above 0, got ", jump->flat, ", ",
                  jump->power, " and ", jump->width);
      project(*jump);
    } else if (const auto* flow = std::get_if<ExplicitLaw::Flow>(&step)) {
      check::that(flow->smooth >= 0 && flow->jumps >= 0 && std::isfinite(flow->smooth + flow->jumps),
                  "ExplicitLaw: variances must be finite and at least 0, got ", flow->smooth, " and ", flow->jumps);
      now.smooth += flow->smooth;
      now.jumps += flow->jumps;
    } else if (const auto* slopes = std::get_if<ExplicitLaw::Slopes>(&step)) {
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
    } else if (const auto* affine = std::get_if<ExplicitLaw::Affine>(&step)) {
      check::that(affine->factor > 0 && affine->offset >= 0 && std::isfinite(affine->factor + affine->offset),
                  "ExplicitLaw: an affine map wants factor > 0 and offset >= 0, got ", affine->factor, " and ",
                  affine->offset);
      now.factor = affine->factor;
      now.offset = affine->offset;
      segments.emplace_back();
    }
  }
  return segments;
}

}  // namespace deeprmt::freeprob
