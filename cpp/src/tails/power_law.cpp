// Compiled without contraction to fused multiply-add: a point's deviation must have the same bits wherever it is
// computed.
#include "deeprmt/tails/power_law.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/exponential.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::tails {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Index lanes = 32;     // values at once
constexpr Index block = 512;    // values between two looks at whether a candidate is still in
constexpr Index sparse = 64;    // every how many values a candidate is looked at before all of it is
constexpr Index few = 1 << 17;  // candidates below which threads cost more than they bring

/// One candidate: the values from index s on, m of them, with exponent a + 1. Values are given by depth, the logarithm
/// of the largest over each.
struct Tail {
  Index s;
  double depth, a, inverse_m;
};

/// F(x_i) - (i - s) / m, where position = i - s.
[[gnu::always_inline]] inline double deviation(double depth, double position, double top, double a, double inverse_m) {
  const double y = a * (depth - top);
  return (1 - exp_negative(y > -708 ? y : -708)) - position * inverse_m;
}

/// Least and largest deviation of `count` values whose positions are position, position + step, ...
DEEPRMT_LEAF void extremes_loop(const double* depth, Index count, double position, double step, double top, double a,
                                double inverse_m, double* least, double* largest) {
  double low[lanes], high[lanes], at[lanes];
  for (Index l = 0; l < lanes; ++l) low[l] = 2, high[l] = -2, at[l] = position + step * static_cast<double>(l);
  const double stride = step * static_cast<double>(lanes);
  Index i = 0;
  for (; i + lanes <= count; i += lanes)
    for (Index l = 0; l < lanes; ++l) {
      const double g = deviation(depth[i + l], at[l], top, a, inverse_m);
      low[l] = g < low[l] ? g : low[l];
      high[l] = g > high[l] ? g : high[l];
      at[l] += stride;
    }
  double first = 2, last = -2;
  for (Index l = 0; l < lanes; ++l) {
    if (i + l < count) {
      const double g = deviation(depth[i + l], at[l], top, a, inverse_m);
      first = g < first ? g : first;
      last = g > last ? g : last;
    }
    first = low[l] < first ? low[l] : first;
    last = high[l] > last ? high[l] : last;
  }
  *least = first;
  *largest = last;
}
constexpr auto extremes = clones<extremes_loop>;

/// The best so far, by (distance, index of the candidate).
class Best {
 public:
  double distance() const { return bound_.load(std::memory_order_relaxed); }
  void offer(double distance, Index s, double a) {
    const std::lock_guard lock(mutex_);
    if (distance > fit_.distance || (distance == fit_.distance && s > fit_.first)) return;
    fit_ = {s, a + 1, distance};
    bound_.store(distance, std::memory_order_relaxed);
  }
  PowerLawFit fit() const { return fit_; }
  Best() { fit_ = {-1, 0, infinity}; }

 private:
  std::atomic<double> bound_{infinity};
  std::mutex mutex_;
  PowerLawFit fit_;
};

/// The scan over candidates. depth descends to 0; rest[i] is the sum of depth[i] - depth[j] over j > i.
class Scan {
 public:
  Scan(const std::vector<double>& depth, Distance kind)
      : depth_(depth),
        n_(static_cast<Index>(depth.size())),
        two_sided_(kind == Distance::two_sided),
        rest_(depth.size()) {
    double sum = 0;
    for (Index i = n_ - 2; i >= 0; --i) rest_[i] = sum += static_cast<double>(n_ - 1 - i) * (depth[i] - depth[i + 1]);
    rest_[n_ - 1] = 0;
    for (Index i = 0; i < n_; i += sparse) coarse_.push_back(depth[i]);
  }

  Tail tail(Index s) const {
    const auto m = static_cast<double>(n_ - s);
    return {s, depth_[s], m / rest_[s], 1 / m};
  }

  /// All values, of a law that begins at depth `origin` below the first of them.
  Tail all_from(double origin) const {
    const auto m = static_cast<double>(n_);
    return {0, origin, m / (rest_[0] + m * (origin - depth_[0])), 1 / m};
  }

  PowerLawFit fit_from(double origin) const {
    const Tail t = all_from(origin);
    if (std::isinf(t.a)) return {0, infinity, infinity};
    Index witness = -1;
    return {0, t.a + 1, distance(t, infinity, witness)};
  }

  /// The largest distance of one tail, or the first found above `bound`; then `witness` is where.
  double distance(const Tail& t, double bound, Index& witness) const {
    if (n_ - t.s > 4 * sparse) {
      const Index first = (t.s + sparse - 1) / sparse, count = static_cast<Index>(coarse_.size()) - first;
      const double found = largest(t, coarse_.data() + first, count, first * sparse, sparse, bound, witness);
      if (found > bound) return found;
    }
    return largest(t, depth_.data() + t.s, n_ - t.s, t.s, 1, bound, witness);
  }

  double at(const Tail& t, Index i) const {
    return of(t, deviation(depth_[i], static_cast<double>(i - t.s), t.depth, t.a, t.inverse_m));
  }

  bool fits(Index s) const { return rest_[s] > 0; }

  /// Candidates in turns of ever finer stride, so that the best is soon nearly as good as it gets.
  PowerLawFit best(const std::vector<Index>& candidates, int threads) const {
    Best best;
    const auto count = static_cast<Index>(candidates.size());
    if (count < few) threads = 1;
    Index coarser = 0;
    for (const Index stride : {Index{4096}, Index{256}, Index{16}, Index{1}}) {
      const Index turns = (count + stride - 1) / stride, grain = 256;
      parallel_ranges(turns, grain, threads, [&](Index begin, Index end) {
        Index witness = -1;
        for (Index k = begin; k < end; ++k) {
          if (coarser > 0 && k * stride % coarser == 0) continue;
          const Tail t = tail(candidates[k * stride]);
          const double bound = best.distance();
          if (witness >= t.s && at(t, witness) > bound) continue;
          const double d = distance(t, bound, witness);
          if (d <= bound) best.offer(d, t.s, t.a);
          if ((k & 31) == 0) check_interrupt();
        }
      });
      coarser = stride;
    }
    return best.fit();
  }

  /// Whether one of the candidates is closer than `bound`.
  bool any_closer(const std::vector<Index>& candidates, double bound) const {
    const auto count = static_cast<Index>(candidates.size());
    Index coarser = 0;
    for (const Index stride : {Index{256}, Index{16}, Index{1}}) {
      Index witness = -1;
      for (Index k = 0; k < count; k += stride) {
        if (coarser > 0 && k % coarser == 0) continue;
        const Tail t = tail(candidates[k]);
        if (witness >= t.s && at(t, witness) >= bound) continue;
        if (distance(t, bound, witness) < bound) return true;
        if ((k & 255) == 0) check_interrupt();
      }
      coarser = stride;
    }
    return false;
  }

  /// Every distinct value but the largest.
  std::vector<Index> candidates() const {
    std::vector<Index> out;
    for (Index i = 0; i < n_; ++i)
      if ((i == 0 || depth_[i] < depth_[i - 1]) && fits(i)) out.push_back(i);
    return out;
  }

 private:
  double of(const Tail& t, double g) const {
    const double below = two_sided_ ? t.inverse_m - g : -g;
    return g > below ? g : below;
  }

  double largest(const Tail& t, const double* depth, Index count, Index first, Index step, double bound,
                 Index& witness) const {
    double worst = 0;
    for (Index i = 0; i < count; i += block) {
      const Index size = std::min(block, count - i);
      double low, high;
      extremes(depth + i, size, static_cast<double>(first + i * step - t.s), static_cast<double>(step), t.depth, t.a,
               t.inverse_m, &low, &high);
      const double here = std::max(of(t, low), of(t, high));
      worst = std::max(worst, here);
      if (worst > bound) {
        for (Index j = i; j < i + size; ++j)
          if (at(t, first + j * step) == here) {
            witness = first + j * step;
            break;
          }
        return worst;
      }
    }
    return worst;
  }

  const std::vector<double>& depth_;
  Index n_;
  bool two_sided_;
  std::vector<double> rest_, coarse_;
};

/// log(large / small), accurate relative to itself where they are close.
double log_ratio(double large, double small) {
  const double d = (large - small) / small;
  return d < 1e300 ? std::log1p(d) : std::log(large) - std::log(small);
}

std::vector<double> depths(const double* x, Index n) {
  std::vector<double> depth(static_cast<std::size_t>(n));
  double sum = 0;
  for (Index i = n - 2; i >= 0; --i) depth[i] = sum += log_ratio(x[i + 1], x[i]);
  return depth;
}

void check_values(const char* function, VecIn<double> ascending, Index first) {
  const Index n = ascending.size();
  check::at_least(function, "the number of values", n, 2);
  check::that(first >= 0 && first < n - 1, function, ": first must be in [0, ", n - 1, "), got ", first);
}

/// One sample of the bootstrap, as depths; origin: the depth of xmin. body[i] is the logarithm of xmin over x_i.
std::vector<double> resample(const std::vector<double>& body, Index n, double a, bool fixed, Stream stream,
                             double& origin) {
  const auto below = static_cast<Index>(body.size());
  std::vector<double> u(static_cast<std::size_t>(n));
  std::vector<std::uint32_t> times(body.size());
  Index m = n - below;
  if (fixed) {
    n = m;
  } else {
    uniforms<double>(stream, 0, u.data(), n);
    m = 0;
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<Index>(u[i] * static_cast<double>(n));
      if (at < below)
        ++times[at];
      else
        ++m;
    }
  }
  // Gaps of sorted exponential variables are independent ones (Renyi): from the top, the j-th has mean 1 / (j a).
  stream.part += 1;
  uniforms<double>(stream, 0, u.data(), m);
  std::vector<double> depth(static_cast<std::size_t>(n));
  double sum = 0;
  for (Index j = 0; j < m; ++j) {
    depth[n - 1 - j] = sum;
    sum -= std::log(u[j]) / (static_cast<double>(j + 1) * a);
  }
  origin = sum;
  Index to = n - 1 - m;
  if (!fixed) {
    const double offset = m > 0 ? sum : 0;
    for (Index i = below - 1; i >= 0; --i)
      for (std::uint32_t copy = 0; copy < times[i]; ++copy) depth[to--] = offset + body[i];
    if (m == 0)  // the largest is no longer the reference
      for (double& d : depth) d -= depth[n - 1];
  }
  return depth;
}

/// Logarithms of xmin over each value below it.
std::vector<double> body_of(VecIn<double> ascending, Index first, double xmin, double alpha) {
  constexpr const char* name = "power_law_bootstrap";
  check_values(name, ascending, first);
  check::that(xmin > 0 && xmin <= ascending[first] && (first == 0 || xmin > ascending[first - 1]), name,
              ": xmin must be above the body and not above the tail, got ", xmin);
  check::that(std::isfinite(alpha) && alpha > 1, name, ": alpha must be finite and above 1, got ", alpha);
  std::vector<double> body(static_cast<std::size_t>(first));
  double sum = 0, above = xmin;
  for (Index i = first - 1; i >= 0; --i) {
    body[i] = sum += log_ratio(above, ascending[i]);
    above = ascending[i];
  }
  return body;
}

}  // namespace

PowerLawFit fit_power_law(VecIn<double> ascending, Distance distance, int threads) {
  check_values("fit_power_law", ascending, 0);
  const std::vector<double> depth = depths(ascending.data(), ascending.size());
  const Scan scan(depth, distance);
  std::vector<Index> candidates;
  for (Index i = 0; i < ascending.size(); ++i)
    if ((i == 0 || ascending[i] > ascending[i - 1]) && scan.fits(i)) candidates.push_back(i);
  return scan.best(candidates, threads);
}

PowerLawFit fit_power_law_from(VecIn<double> ascending, double xmin, Distance distance) {
  check_values("fit_power_law_from", ascending, 0);
  check::that(xmin > 0 && xmin <= ascending[0], "fit_power_law_from: xmin must be positive and at most ", ascending[0],
              ", got ", xmin);
  const std::vector<double> depth = depths(ascending.data(), ascending.size());
  return Scan(depth, distance).fit_from(depth[0] + log_ratio(ascending[0], xmin));
}

void power_law_bootstrap(VecIn<double> ascending, Index first, double xmin, double alpha, Distance distance, bool fixed,
                         std::uint64_t key, VecOut<double> distances, VecOut<double> alphas, int threads) {
  const Index n = ascending.size(), samples = distances.size();
  check::that(alphas.size() == samples, "power_law_bootstrap: alphas must have ", samples, " entries, got ",
              alphas.size());
  const std::vector<double> body = body_of(ascending, first, xmin, alpha);
  parallel_for(samples, threads, [&](Index sample) {
    const Stream stream{key, static_cast<std::uint32_t>(sample), 0};
    double origin = 0;
    const std::vector<double> depth = resample(body, n, alpha - 1, fixed, stream, origin);
    const Scan scan(depth, distance);
    PowerLawFit fit;
    if (fixed) {
      fit = scan.fit_from(origin);
    } else {
      fit = scan.best(scan.candidates(), 1);
    }
    const bool none = fit.first < 0;
    distances[sample] = none ? std::numeric_limits<double>::quiet_NaN() : fit.distance;
    alphas[sample] = none ? std::numeric_limits<double>::quiet_NaN() : fit.alpha;
  });
}

Exceeding power_law_bootstrap_count(VecIn<double> ascending, Index first, double xmin, double alpha, Distance distance,
                                    std::uint64_t key, Index samples, double least, Index enough, int threads) {
  const Index n = ascending.size();
  const std::vector<double> body = body_of(ascending, first, xmin, alpha);
  enum : char { closer, exceeds, none };
  std::vector<char> what(static_cast<std::size_t>(std::max<Index>(samples, 0)));
  Exceeding found;
  constexpr Index turn = 32;  // samples between two looks at the count
  for (Index begin = 0; begin < samples && found.count < enough; begin += turn) {
    const Index end = std::min(samples, begin + turn);
    parallel_for(end - begin, useful_threads(100.0 * static_cast<double>(turn * n), threads), [&](Index i) {
      const Stream stream{key, static_cast<std::uint32_t>(begin + i), 0};
      double origin = 0;
      const std::vector<double> depth = resample(body, n, alpha - 1, false, stream, origin);
      const Scan scan(depth, distance);
      const std::vector<Index> candidates = scan.candidates();
      what[begin + i] = candidates.empty() ? none : scan.any_closer(candidates, least) ? closer : exceeds;
    });
    for (Index i = begin; i < end; ++i) {
      found.valid += what[i] != none;
      found.count += what[i] == exceeds;
    }
  }
  found.count = std::min(found.count, enough);
  return found;
}

}  // namespace deeprmt::tails
