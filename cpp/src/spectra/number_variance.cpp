#include "deeprmt/spectra/number_variance.hpp"

#include "deeprmt/core/parallel.hpp"
#include "windows.hpp"

namespace deeprmt::spectra {

void number_variance(MatIn<double> levels, VecIn<double> lengths, MatOut<double> first, MatOut<double> second,
                     Index pieces, int threads) {
  const char* name = "number_variance";
  const Index n = levels.cols(), count = lengths.size();
  check_windows(name, levels, lengths, pieces, true);
  check::shape(name, "first", first, levels.rows(), count * pieces);
  check::shape(name, "second", second, levels.rows(), count * pieces);
  check::apart(name, "levels", levels, "first", first);
  check::apart(name, "levels", levels, "second", second);
  const double work = 10.0 * static_cast<double>(levels.size() * count);
  parallel_for(levels.rows() * count * pieces, useful_threads(work, threads), [&](Index task) {
    const Index r = task / (count * pieces), k = task / pieces % count, p = task % pieces;
    const double* x = levels.row(r).data();
    const double length = lengths[k], span = x[n - 1] - x[0], positions = span - length;
    const double begin = piece_begin(x[0], positions, p, pieces);
    const double end = p + 1 < pieces ? piece_begin(x[0], positions, p + 1, pieces) : x[0] + positions;
    const Index low = std::lower_bound(x, x + n, begin) - x;
    const Index high = std::upper_bound(x, x + n, begin + length) - x;
    double inside = static_cast<double>(high - low) - std::floor(length * static_cast<double>(n - 1) / span + 0.5);
    double sum = 0, squares = 0;
    slide(x, n, length, begin, end, low, high, [&](double gap, int leaves) {
      const double part = inside * gap;
      sum += part;
      squares += part * inside;
      inside += 1 - 2 * leaves;
    });
    first(r, k * pieces + p) = sum / (end - begin);
    second(r, k * pieces + p) = squares / (end - begin);
  });
}

}  // namespace deeprmt::spectra
