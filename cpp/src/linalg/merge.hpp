// Divide and conquer with vectors, what eigenvalues of tridiagonal and singular values of bidiagonal matrices have in
// common: one merge is a secular equation, whose vectors turn those of both halves by matrix products. Vectors are
// rows, and rows that vanish on one half take no part in that half's product. Gu & Eisenstat, SIMAX 16, 172 (1995).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "deeprmt/core/types.hpp"
#include "secular.hpp"

namespace deeprmt::linalg {

/// Which half of the columns a row lives on.
enum class Kind { left, first, both, right };

/// The rows [0, size) of a node in one set of vectors, `cols` columns, of which `split` belong to the left half.
template <class T>
struct Side {
  T* rows;
  Index ld, cols, split;
  bool first_is_left;  // whether row `first` vanishes on the right half

  Mat<T> left{}, right{}, aside{}, turn{};
  Index left_end = 0, right_begin = 0;

  T* row(Index i) const { return rows + i * ld; }
  void rotate(Index a, Index b, double c, double s) const;  // a <- c a + s b, b <- c b - s a
};

/// Values and rows of all nodes: node [begin, end) has value[begin..end), which belong to its rows of that number, and
/// rank[begin..end): the rows (from 0) by ascending value.
struct Levels {
  std::vector<double> value;
  std::vector<Index> rank;
};

template <class T>
struct Merge {
  Index begin, end;
  bool singular;               // pole = value^2, and the first pole is 0
  std::vector<Side<T>> sides;  // one, or those of the right and of the left vectors

  /// What is kept, by ascending pole, and what is set aside. prepare fills them; poles and z are in `equation`.
  Secular equation{};
  std::vector<Index> row{};
  std::vector<Kind> kind{};
  struct Aside {
    double value;
    Index row;
  };
  std::vector<Aside> aside{};

  /// The next one kept.
  void keep(double pole, double z, Index source, Kind of);
  void set_aside(double value, Index source) { aside.push_back({value, source}); }

  // The rest is for `merge` below.
  std::vector<Index> place{}, roots{};
  std::unique_ptr<SecularVectors> vectors{};
  void choose(Levels& levels, const std::vector<bool>* wanted, std::vector<Index>* found);
  void pack(Index begin_row, Index end_row);
  void turn(Index begin_root, Index end_root);
  void multiply_half(Side<T>& side, bool right, int threads);
  void put_back();
};

/// Merges of one level of the tree, after prepare(m) for each. If `wanted` is there (ranks at the top of the tree),
/// only those vectors are made, and found[rank] is their row, or -1.
template <class T>
void merge(std::vector<Merge<T>>& level, const std::function<void(Merge<T>&)>& prepare, Levels& levels,
           const std::vector<bool>* wanted, std::vector<Index>* found, int threads);

/// The tree over [0, n). A node [begin, end) has the halves [begin, middle) and [middle + gap, end), middle as below.
/// @param leaf   solves a node of at most `largest_leaf` rows
/// @param node   the merge of a node
/// @return       found[rank], the row of the vector of each rank, or -1 if it is not wanted
template <class T>
std::vector<Index> divide_and_conquer(Index n, Index gap, Levels& levels, const std::function<void(Index, Index)>& leaf,
                                      const std::function<Merge<T>(Index, Index)>& node,
                                      const std::function<void(Merge<T>&)>& prepare, const std::vector<bool>& wanted,
                                      int threads);

constexpr Index largest_leaf = 32;
inline Index middle_of(Index begin, Index end, Index gap) { return begin + (end - begin - gap) / 2; }

/// out.col(c) = row found[which[c]] of `rows`, without what lies beyond out.
template <class T>
void columns_of(MatIn<T> rows, const std::vector<Index>& found, const std::vector<Index>& which, MatOut<T> out,
                int threads);

}  // namespace deeprmt::linalg
