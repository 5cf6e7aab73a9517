#include "deeprmt/freeprob/power_series.hpp"

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::freeprob {
namespace {

constexpr int lanes = 8;

struct Block {
  alignas(64) double re[lanes] = {}, im[lanes] = {};
};

/// Eight points at once: one alone would wait for each step to end before the next.
DEEPRMT_LEAF void horner_loop(const double* f, Index n, const Block& v, Block& value, Block& slope) {
  double a[lanes], b[lanes] = {}, c[lanes] = {}, d[lanes] = {};
  for (int k = 0; k < lanes; ++k) a[k] = f[n - 1];
  for (Index i = n - 2; i >= 0; --i)
    for (int k = 0; k < lanes; ++k) {
      const double x = v.re[k], y = v.im[k];
      const double re = c[k] * x - d[k] * y + a[k], im = c[k] * y + d[k] * x + b[k];
      c[k] = re;
      d[k] = im;
      const double next = a[k] * x - b[k] * y + f[i];
      b[k] = a[k] * y + b[k] * x;
      a[k] = next;
    }
  for (int k = 0; k < lanes; ++k) {
    value.re[k] = a[k];
    value.im[k] = b[k];
    slope.re[k] = c[k];
    slope.im[k] = d[k];
  }
}
constexpr auto horner = clones<horner_loop>;

}  // namespace

void power_series(VecIn<double> f, VecIn<std::complex<double>> v, VecOut<std::complex<double>> value,
                  VecOut<std::complex<double>> slope, int threads) {
  check::that(f.size() > 0, "power_series: f must have at least one coefficient");
  check::that(value.size() == v.size() && slope.size() == v.size(),
              "power_series: value and slope must be as long as v");
  threads = useful_threads(2.0 * static_cast<double>(f.size()) * static_cast<double>(v.size()), threads);
  parallel_ranges(v.size(), lanes, threads, [&](Index begin, Index end) {
    Block points, out, change;
    for (Index i = begin; i < end; ++i) {
      points.re[i - begin] = v[i].real();
      points.im[i - begin] = v[i].imag();
    }
    horner(f.data(), f.size(), points, out, change);
    for (Index i = begin; i < end; ++i) {
      value[i] = {out.re[i - begin], out.im[i - begin]};
      slope[i] = {change.re[i - begin], change.im[i - begin]};
    }
  });
}

}  // namespace deeprmt::freeprob
