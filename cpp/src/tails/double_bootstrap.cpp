#include "deeprmt/tails/double_bootstrap.hpp"

#include <algorithm>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/random.hpp"

namespace deeprmt::tails {
namespace {

constexpr Index together = 8;  // resamples summed in one go; fixed, so that threads do not change the order of sums
constexpr Index batch = 16;    // such sums in memory at once

/// Adds one resample's criterion for every k.
void add_resample(const double* depth, Index n, Index size, Stream stream, std::vector<std::uint32_t>& times,
                  double* sum) {
  std::fill(times.begin(), times.end(), 0);
  double u[1024];
  for (Index begin = 0; begin < size; begin += 1024) {
    const Index count = std::min<Index>(1024, size - begin);
    uniforms<double>(stream, static_cast<std::uint64_t>(begin), u, count);
    for (Index i = 0; i < count; ++i)
      ++times[std::min(n - 1, static_cast<Index>(u[i] * static_cast<double>(n)))];  // rounding may reach n
  }
  // a, b: sums over the k largest of the first and second power of log(x_i / x_{k+1}). When k + 1 becomes the next
  // value, d lower, each term grows by d: sums of what is not negative, so that nothing cancels.
  double a = 0, b = 0, last = 0;
  Index k = 0;
  for (Index i = 0; i < n; ++i)
    for (std::uint32_t copy = 0; copy < times[i]; ++copy, ++k) {
      if (k > 0) {
        const double d = depth[i] - last, count = static_cast<double>(k);
        b += d * (2 * a + count * d);
        a += count * d;
        const double first = a / count, criterion = b / count - 2 * first * first;
        sum[k - 1] += criterion * criterion;
      }
      last = depth[i];
    }
}

}  // namespace

void bootstrap_criterion(VecIn<double> depth, Index size, Index resamples, std::uint64_t key, std::uint32_t part,
                         VecOut<double> mean, int threads) {
  const Index n = depth.size();
  check::at_least("bootstrap_criterion", "the number of values", n, 2);
  check::that(size >= 2 && size <= n, "bootstrap_criterion: size must be in [2, ", n, "], got ", size);
  check::at_least("bootstrap_criterion", "resamples", resamples, 1);
  check::that(mean.size() == size - 1, "bootstrap_criterion: mean must have ", size - 1, " entries, got ", mean.size());
  mean.setZero();
  const Index pieces = (resamples + together - 1) / together;
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(std::min(batch, pieces)));
  for (Index first = 0; first < pieces; first += batch) {
    const Index count = std::min(batch, pieces - first);
    parallel_for(count, threads, [&](Index p) {
      std::vector<std::uint32_t> times(static_cast<std::size_t>(n));
      sums[p].assign(static_cast<std::size_t>(size - 1), 0.0);
      const Index begin = (first + p) * together, end = std::min(resamples, begin + together);
      for (Index r = begin; r < end; ++r)
        add_resample(depth.data(), n, size, {key, static_cast<std::uint32_t>(r), part}, times, sums[p].data());
    });
    for (Index p = 0; p < count; ++p)
      for (Index k = 0; k + 1 < size; ++k) mean[k] += sums[p][k];
  }
  mean /= static_cast<double>(resamples);
}

}  // namespace deeprmt::tails
