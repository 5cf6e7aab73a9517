#include "deeprmt/spectra/rigidity.hpp"

#include "deeprmt/core/parallel.hpp"
#include "windows.hpp"

namespace deeprmt::spectra {
namespace {

/// The integral over the positions from `begin` to `end` of L Delta_3.
double integral(const double* x, Index n, double length, double begin, double end) {
  const double slope = static_cast<double>(n - 1) / (x[n - 1] - x[0]), half = length / 2;
  Index low = std::lower_bound(x, x + n, begin) - x;
  const Index high = std::upper_bound(x, x + n, begin + length) - x;

  // f at the two ends, less a constant that makes it small: lines and constants do not matter.
  double left = 0.5 * (slope * length - static_cast<double>(high - low));
  double right = left + static_cast<double>(high - low) - slope * length;
  double i0 = 0, i1 = 0, i2 = 0;  // over the window, piece by piece: f falls with `slope` from `top`
  double from = -half, top = left;
  for (Index i = low; i <= high; ++i) {
    const double to = i < high ? std::clamp(x[i] - begin - half, from, half) : half, h = to - from, fall = slope * h;
    const double mean = top - fall / 2;
    i0 += mean * h;
    i1 += (mean * (from + to) / 2 - fall * h / 12) * h;
    i2 += (mean * mean + fall * fall / 12) * h;
    from = to;
    top += 1 - fall;
  }

  const double over = 1 / length, twelfth = 12 * over * over * over;
  double total = 0;
  slide(x, n, length, begin, end, low, high, [&](double h, int leaves) {
    // In s from 0 to h: i0 + d s, i1 + b s - c s^2, i2 + e s - q s^2, whose squares are integrated.
    const double d = right - left, sum = left + right;
    const double b = half * sum - i0, c = slope * half + d / 2, e = d * sum, q = d * slope;
    const double h2 = h * h, h3 = h2 * h;
    const double third = h3 / 3, square = h2 / 2;
    const double of_i2 = i2 * h + e * square - q * third;
    const double of_i0 = i0 * i0 * h + 2 * i0 * d * square + d * d * third;
    const double of_i1 = i1 * i1 * h + 2 * i1 * b * square + (b * b - 2 * i1 * c) * third - b * c * (h2 * h2 / 2) +
                         c * c * (h3 * h2 / 5);
    total += of_i2 - of_i0 * over - of_i1 * twelfth;
    i0 += d * h;
    i1 += b * h - c * h2;
    i2 += e * h - q * h2;
    left += leaves - slope * h;
    right += (1 - leaves) - slope * h;
  });
  return total;
}

}  // namespace

void rigidity(MatIn<double> levels, VecIn<double> lengths, MatOut<double> out, Index pieces, int threads) {
  const Index n = levels.cols(), count = lengths.size();
  check_windows("rigidity", levels, lengths, pieces, false);
  check::shape("rigidity", "out", out, levels.rows(), count * pieces);
  check::apart("rigidity", "levels", levels, "out", out);
  const double work = 10.0 * static_cast<double>(levels.size() * count);
  parallel_for(levels.rows() * count * pieces, useful_threads(work, threads), [&](Index task) {
    const Index r = task / (count * pieces), k = task / pieces % count, p = task % pieces;
    const double* x = levels.row(r).data();
    const double length = lengths[k], positions = x[n - 1] - x[0] - length;
    const double begin = piece_begin(x[0], positions, p, pieces);
    const double end = p + 1 < pieces ? piece_begin(x[0], positions, p + 1, pieces) : x[0] + positions;
    out(r, k * pieces + p) = integral(x, n, length, begin, end) / ((end - begin) * length);
  });
}

}  // namespace deeprmt::spectra
