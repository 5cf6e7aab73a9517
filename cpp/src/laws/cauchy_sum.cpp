#include "deeprmt/laws/cauchy_sum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::laws {
namespace {

constexpr Index block = 1024;
constexpr int lanes = 8;
// Squares of larger differences overflow.
constexpr double huge = 1e75;

/// Adds the sum over n <= block masses to (re, im). 1 / (d - i b) = (d + i b) / (d^2 + b^2).
template <int power>
DEEPRMT_LEAF void add_block_loop(const double* x, const double* p, Index n, double a, double b, double* sum) {
  double re[lanes] = {}, im[lanes] = {};
  const Index whole = n - n % lanes;
  for (Index j = 0; j < whole; j += lanes)
    for (int l = 0; l < lanes; ++l) {
      const double d = x[j + l] - a, s = 1 / (d * d + b * b);
      if constexpr (power == 1) {
        re[l] += p[j + l] * s * d;
        im[l] += p[j + l] * s * b;
      } else {
        re[l] += p[j + l] * (s * d * (s * d) - s * b * (s * b));
        im[l] += p[j + l] * (2 * (s * d) * (s * b));
      }
    }
  for (Index j = whole; j < n; ++j) {
    const double d = x[j] - a, s = 1 / (d * d + b * b);
    re[0] += p[j] * (power == 1 ? s * d : s * d * (s * d) - s * b * (s * b));
    im[0] += p[j] * (power == 1 ? s * b : 2 * (s * d) * (s * b));
  }
  sum[0] += ((re[0] + re[1]) + (re[2] + re[3])) + ((re[4] + re[5]) + (re[6] + re[7]));
  sum[1] += ((im[0] + im[1]) + (im[2] + im[3])) + ((im[4] + im[5]) + (im[6] + im[7]));
}
constexpr auto add_block_1 = clones<add_block_loop<1>>;
constexpr auto add_block_2 = clones<add_block_loop<2>>;

/// Where squares of differences leave the range of doubles.
std::complex<double> careful(VecIn<double> x, VecIn<double> p, std::complex<double> z, int power) {
  std::complex<double> total = 0;
  for (Index j = 0; j < x.size(); ++j) {
    if (p[j] == 0) continue;
    const std::complex<double> d(x[j] - z.real(), -z.imag());
    if (d == 0.0) return {std::numeric_limits<double>::infinity(), 0.0};
    const std::complex<double> inverse = 1.0 / d;
    total += p[j] * (power == 1 ? inverse : inverse * inverse);
  }
  return total;
}

}  // namespace

void cauchy_sum(VecIn<double> locations, VecIn<double> masses, VecIn<std::complex<double>> z, int power,
                VecOut<std::complex<double>> out, int threads) {
  const Index n = locations.size();
  check::that(masses.size() == n && out.size() == z.size(), "cauchy_sum: masses must have ", n, " and out ", z.size(),
              " entries, got ", masses.size(), " and ", out.size());
  check::that(power == 1 || power == 2, "cauchy_sum: power must be 1 or 2, got ", power);
  const double reach = n > 0 ? locations.cwiseAbs().maxCoeff() : 0.0;
  const double work = static_cast<double>(n) * static_cast<double>(z.size());
  const Index grain = std::max<Index>(1, 100'000 / std::max<Index>(n, 1));
  parallel_ranges(z.size(), grain, useful_threads(4 * work, threads), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const double a = z[i].real(), b = z[i].imag();
      double sum[2] = {0, 0};
      for (Index j = 0; j < n; j += block) {
        const Index size = std::min(block, n - j);
        if (power == 1)
          add_block_1(locations.data() + j, masses.data() + j, size, a, b, sum);
        else
          add_block_2(locations.data() + j, masses.data() + j, size, a, b, sum);
      }
      const bool plain =
          std::isfinite(sum[0]) && std::isfinite(sum[1]) && std::max({reach, std::abs(a), std::abs(b)}) < huge;
      out[i] = plain ? std::complex<double>(sum[0], sum[1]) : careful(locations, masses, z[i], power);
    }
  });
}

}  // namespace deeprmt::laws
