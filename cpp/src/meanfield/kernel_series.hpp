// Duals of any activation for the pairs of one tile, from series whose coefficients are sums of products of a number of
// the one input and a number of the other. Those numbers are interpolated once a tile; a pair costs its sums alone.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/meanfield/kernels.hpp"

namespace deeprmt::meanfield {

/// Pairs whose numbers stand together: four cache lines.
template <class T>
inline constexpr Index series_block = 256 / static_cast<Index>(sizeof(T));

/// Rows that a pass takes at once: numbers of a block of columns stay in the first cache for all of them.
inline constexpr Index series_rows = 8;

/// The numbers of the inputs of a tile of `side` x `side` pairs at most, and passes over its rows.
template <class T>
class TileSeries {
 public:
  /// A few rows of pairs: row r has each of its numbers at r * stride, and room up to a whole block.
  struct Rows {
    Index rows, stride;
    const T *state, *twice_x;  // 1 - |r| with the sign of r; twice the argument of Chebyshev series
    T *gap, *d;  // out: 1 less the next correlation (for odd activations its size), and the correlation of phi', of
                 // Hermite series in units of the roots of F / variance; null if not wanted
  };

  /// @param layers  how many have tables; 0 if none
  TileSeries(const KernelNetwork& net, Index layers, Index side, bool tangent);

  /// Interpolates the numbers of rows top to top + rows of x and columns left to left + cols of y.
  /// @param x_logs, y_logs  for each layer the logarithms of the variances of all inputs
  void place(Index top, Index rows, Index left, Index cols, const std::vector<const T*>& x_logs,
             const std::vector<const T*>& y_logs);

  /// Rows from i on and n columns from j on, counted within the tile; j begins a block.
  void pass(Index layer, Index i, Index j, Index n, const Rows& rows) const;

 private:
  struct Layer {
    // (side, numbers), and by blocks of columns (blocks, numbers x block). Numbers are those of gap, of d, of apart,
    // and the logarithm.
    Mat<T> own, other;
    Index d, apart, log;  // where the numbers of each begin
  };
  const KernelNetwork& net_;
  std::vector<Layer> layers_;
};

}  // namespace deeprmt::meanfield
