#include "deeprmt/freeprob/atom_sums.hpp"

#include <cmath>
#include <numbers>
#include <tuple>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::freeprob {
namespace {

constexpr int lanes = 8;

struct Lanes {
  alignas(64) double value[4][lanes] = {};
};

/// Adds mass / (w - at) to the first two rows of sums, mass / (w - at)^2 to the others, w = re + i im.
DEEPRMT_LEAF void add_loop(const double* at, const double* mass, Index n, double re, double im, Lanes& sums) {
  double a[lanes] = {}, b[lanes] = {}, c[lanes] = {}, d[lanes] = {};
  const double height2 = im * im;
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int k = 0; k < lanes; ++k) {
      const double x = re - at[i + k];
      const double inverse = 1 / (x * x + height2);
      const double u = x * inverse, v = im * inverse, p = mass[i + k];  // 1 / (w - at) = u - i v
      a[k] += p * u;
      b[k] += p * v;
      c[k] += p * (u * u - v * v);
      d[k] += p * u * v;
    }
  for (int k = 0; i < n; ++i, ++k) {
    const double x = re - at[i];
    const double inverse = 1 / (x * x + height2);
    const double u = x * inverse, v = im * inverse, p = mass[i];
    a[k] += p * u;
    b[k] += p * v;
    c[k] += p * (u * u - v * v);
    d[k] += p * u * v;
  }
  for (int k = 0; k < lanes; ++k) {
    sums.value[0][k] = a[k];
    sums.value[1][k] = b[k];
    sums.value[2][k] = c[k];
    sums.value[3][k] = d[k];
  }
}
constexpr auto add = clones<add_loop>;

/// arg(x + i y) for y >= 0: arctangents of three ranges brought to [-0.42, 0.66], by the rational function of Cephes.
DEEPRMT_LEAF double upper_argument(double x, double y) {
  const double across = std::abs(x);
  const bool steep = y > 2.414213562373095 * across, middle = y > 0.66 * across;
  const double top = steep ? -across : middle ? y - across : y;
  const double bottom = steep ? y : middle ? y + across : across;
  const double base = steep ? std::numbers::pi / 2 : middle ? std::numbers::pi / 4 : 0.0;
  const double t = bottom > 0 ? top / bottom : 0.0, z = t * t;
  const double p =
      (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z -
       1.228866684490136173410e2) *
          z -
      6.485021904942025371773e1;
  const double q =
      ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z +
       4.853903996359136964868e2) *
          z +
      1.945506571482613964425e2;
  const double angle = base + (t + t * z * p / q);
  return x < 0 ? std::numbers::pi - angle : angle;
}

DEEPRMT_LEAF double arguments_loop(const double* at, const double* mass, Index n, double re, double im) {
  double sums[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int k = 0; k < lanes; ++k) sums[k] += mass[i + k] * upper_argument(re - at[i + k], im);
  for (int k = 0; i < n; ++i, ++k) sums[k] += mass[i] * upper_argument(re - at[i], im);
  double total = 0;
  for (int k = 0; k < lanes; ++k) total += sums[k];
  return total;
}
constexpr auto arguments = clones<arguments_loop>;

constexpr Index grain = 8;

}  // namespace

std::pair<std::complex<double>, std::complex<double>> atom_sum(const double* at, const double* mass, Index n,
                                                               std::complex<double> w) {
  Lanes sums;
  add(at, mass, n, w.real(), w.imag(), sums);
  double total[4] = {};
  for (int row = 0; row < 4; ++row)
    for (int k = 0; k < lanes; ++k) total[row] += sums.value[row][k];
  return {{total[0], -total[1]}, {-total[2], 2 * total[3]}};
}

void atom_sums(VecIn<double> at, VecIn<double> mass, VecIn<std::complex<double>> w, VecOut<std::complex<double>> g,
               VecOut<std::complex<double>> slope, int threads) {
  check::that(at.size() == mass.size(), "atom_sums: at and mass must have equal lengths, got ", at.size(), " and ",
              mass.size());
  check::that(g.size() == w.size() && slope.size() == w.size(), "atom_sums: g and slope must be as long as w");
  threads = useful_threads(4.0 * static_cast<double>(at.size()) * static_cast<double>(w.size()), threads);
  parallel_ranges(w.size(), grain, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) std::tie(g[i], slope[i]) = atom_sum(at.data(), mass.data(), at.size(), w[i]);
  });
}

void atom_arguments(VecIn<double> at, VecIn<double> mass, VecIn<std::complex<double>> w, VecOut<double> out,
                    int threads) {
  check::that(at.size() == mass.size(), "atom_arguments: at and mass must have equal lengths, got ", at.size(), " and ",
              mass.size());
  check::that(out.size() == w.size(), "atom_arguments: out must be as long as w");
  threads = useful_threads(16.0 * static_cast<double>(at.size()) * static_cast<double>(w.size()), threads);
  parallel_ranges(w.size(), grain, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = arguments(at.data(), mass.data(), at.size(), w[i].real(), w[i].imag());
  });
}

}  // namespace deeprmt::freeprob
