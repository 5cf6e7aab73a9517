#include "merge.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index subtree = 160;  // up to this size one thread does a whole subtree

/// Pieces of all merges side by side: one large merge keeps every thread busy, and so do many small ones.
template <class T, class Count, class Body>
void for_pieces(std::vector<Merge<T>>& level, double work, int threads, const Count& count, const Body& body) {
  struct Piece {
    Merge<T>* merge;
    Index begin, end;
  };
  std::vector<Piece> pieces;
  for (Merge<T>& m : level)
    for (Index begin = 0, all = count(m); begin < all; begin += secular_block)
      pieces.push_back({&m, begin, std::min(begin + secular_block, all)});
  parallel_for(static_cast<Index>(pieces.size()), useful_threads(work, threads), [&](Index i) {
    const Piece& p = pieces[static_cast<std::size_t>(i)];
    body(*p.merge, p.begin, p.end);
  });
}

}  // namespace

template <class T>
void Side<T>::rotate(Index a, Index b, double c, double s) const {
  const T ct = static_cast<T>(c), st = static_cast<T>(s);
  T *x = row(a), *y = row(b);
  for (Index j = 0; j < cols; ++j) {
    const T before = x[j];
    x[j] = ct * before + st * y[j];
    y[j] = ct * y[j] - st * before;
  }
}

template <class T>
void Merge<T>::keep(double pole, double z, Index source, Kind of) {
  const auto k = static_cast<Index>(row.size());
  equation.pole[k] = pole;
  equation.z[k] = z;
  equation.first[k] = 1;  // takes z as refine finds it
  equation.last[k] = 0;
  row.push_back(source);
  kind.push_back(of);
}

template <class T>
void Merge<T>::choose(Levels& levels, const std::vector<bool>* wanted, std::vector<Index>* found) {
  const Index kept = equation.size, size = end - begin;
  std::sort(aside.begin(), aside.end(),
            [](const Aside& a, const Aside& b) { return a.value < b.value || (a.value == b.value && a.row < b.row); });
  std::vector<Aside> here;
  std::vector<double> ascending;
  double* value = levels.value.data() + begin;
  Index* rank = levels.rank.data() + begin;
  for (std::size_t i = 0, j = 0; static_cast<Index>(i + j) < size;) {
    double root = 0;
    if (static_cast<Index>(i) < kept) {
      root = equation.origin[static_cast<Index>(i)] + equation.offset[static_cast<Index>(i)];
      if (singular) root = std::sqrt(root);
    }
    const bool is_root = j == aside.size() || (static_cast<Index>(i) < kept && root <= aside[j].value);
    const bool is_wanted = !wanted || (*wanted)[i + j];
    // Until the number of roots is known, rows set aside are counted down from -1.
    const auto at = static_cast<Index>(is_root ? roots.size() : here.size());
    rank[i + j] = !is_wanted ? size : is_root ? at : -1 - at;
    ascending.push_back(is_root ? root : aside[j].value);
    if (is_root) {
      if (is_wanted) roots.push_back(static_cast<Index>(i));
      ++i;
    } else {
      if (is_wanted) here.push_back(aside[j]);
      ++j;
    }
  }
  aside = std::move(here);
  for (Index i = 0; i < size; ++i) {
    if (rank[i] < 0) rank[i] = static_cast<Index>(roots.size()) - 1 - rank[i];
    if (found) (*found)[static_cast<std::size_t>(i)] = rank[i] == size ? -1 : rank[i];
    if (found || rank[i] == size) rank[i] = i;  // at the top, values are wanted in their order
    value[rank[i]] = ascending[static_cast<std::size_t>(i)];
  }

  Index count[4] = {};
  for (const Kind each : {Kind::left, Kind::first, Kind::both, Kind::right})
    for (Index i = 0; i < kept; ++i)
      if (kind[static_cast<std::size_t>(i)] == each) {
        place.push_back(i);
        ++count[static_cast<int>(each)];
      }
  vectors = std::make_unique<SecularVectors>(equation, place);
  for (Side<T>& s : sides) {
    s.left_end = kept - count[3];
    s.right_begin = count[0] + (s.first_is_left ? count[1] : 0);
    s.left.resize(s.left_end, s.split);
    s.right.resize(kept - s.right_begin, s.cols - s.split);
    s.aside.resize(static_cast<Index>(aside.size()), s.cols);
    s.turn.resize(static_cast<Index>(roots.size()), kept);
  }
}

/// Copies what the products read, as they write where it was.
template <class T>
void Merge<T>::pack(Index begin_row, Index end_row) {
  const Index kept = equation.size;
  for (Index i = begin_row; i < end_row; ++i)
    for (Side<T>& s : sides) {
      if (i >= kept) {
        std::copy_n(s.row(aside[static_cast<std::size_t>(i - kept)].row), s.cols, s.aside.row(i - kept).data());
        continue;
      }
      const T* from = s.row(row[static_cast<std::size_t>(place[static_cast<std::size_t>(i)])]);
      if (i < s.left_end) std::copy_n(from, s.split, s.left.row(i).data());
      if (i >= s.right_begin) std::copy_n(from + s.split, s.cols - s.split, s.right.row(i - s.right_begin).data());
    }
}

template <class T>
void Merge<T>::turn(Index begin_root, Index end_root) {
  const Index count = end_root - begin_root, ld = equation.size, at = begin_root * ld;
  const Index* which = roots.data() + begin_root;
  if (singular)
    vectors->template singular_vectors<T>(which, count, sides[0].turn.data() + at, sides[1].turn.data() + at, ld);
  else
    vectors->template eigenvectors<T>(which, count, sides[0].turn.data() + at, ld);
}

template <class T>
void Merge<T>::multiply_half(Side<T>& side, bool right, int threads) {
  const Index count = side.turn.rows(), kept = side.turn.cols();
  if (count == 0) return;
  const Index left = right ? side.split : 0, width = right ? side.cols - side.split : side.split;
  Eigen::Map<Mat<T>, 0, Eigen::OuterStride<>> out(side.rows + left, count, width, Eigen::OuterStride<>(side.ld));
  if (right)
    multiply<T>('N', 'N', 1, side.turn.rightCols(kept - side.right_begin), side.right, 0, out, threads);
  else
    multiply<T>('N', 'N', 1, side.turn.leftCols(side.left_end), side.left, 0, out, threads);
}

template <class T>
void Merge<T>::put_back() {
  for (Side<T>& s : sides)
    for (Index i = 0; i < s.aside.rows(); ++i) std::copy_n(s.aside.row(i).data(), s.cols, s.row(s.turn.rows() + i));
}

template <class T>
void merge(std::vector<Merge<T>>& level, const std::function<void(Merge<T>&)>& prepare, Levels& levels,
           const std::vector<bool>* wanted, std::vector<Index>* found, int threads) {
  double size = 0, entries = 0, pairs = 0;
  for (const Merge<T>& m : level) {
    const auto rows = static_cast<double>(m.end - m.begin);
    size += rows;
    entries += rows * rows * static_cast<double>(m.sides.size());
  }
  const auto count = static_cast<Index>(level.size());
  parallel_for(count, useful_threads(100 * size, threads), [&](Index i) {
    Merge<T>& m = level[static_cast<std::size_t>(i)];
    m.equation = Secular(m.end - m.begin);
    prepare(m);
    m.equation.size = static_cast<Index>(m.row.size());
    if (m.equation.size > 0) m.equation.pad();
  });
  const auto kept = [](const Merge<T>& m) { return m.equation.size; };
  for (const Merge<T>& m : level) pairs += static_cast<double>(m.equation.size) * static_cast<double>(m.equation.size);
  for_pieces(level, 40 * pairs, threads, kept, [](Merge<T>& m, Index b, Index e) { m.equation.solve(b, e, 0); });
  for_pieces(level, 10 * pairs, threads, kept, [](Merge<T>& m, Index b, Index e) { m.equation.refine(b, e); });
  parallel_for(count, useful_threads(100 * size, threads),
               [&](Index i) { level[static_cast<std::size_t>(i)].choose(levels, wanted, found); });
  const auto rows = [](const Merge<T>& m) { return m.equation.size + static_cast<Index>(m.aside.size()); };
  const auto roots = [](const Merge<T>& m) { return static_cast<Index>(m.roots.size()); };
  for_pieces(level, 4 * entries, threads, rows, [](Merge<T>& m, Index b, Index e) { m.pack(b, e); });
  for_pieces(level, 10 * pairs, threads, roots, [](Merge<T>& m, Index b, Index e) { m.turn(b, e); });

  const Index of_one = 2 * static_cast<Index>(level[0].sides.size()), products = of_one * count;
  const auto multiply_one = [&](Index i, int inner) {
    Merge<T>& m = level[static_cast<std::size_t>(i / of_one)];
    m.multiply_half(m.sides[static_cast<std::size_t>(i % of_one / 2)], i % 2 == 1, inner);
  };
  if (products >= 4 * threads) {
    parallel_blas_for(products, useful_threads(entries * 100, threads), [&](Index i) { multiply_one(i, 1); });
  } else {
    for (Index i = 0; i < products; ++i) {
      check_interrupt();
      multiply_one(i, threads);
    }
  }
  parallel_for(count, useful_threads(4 * entries, threads),
               [&](Index i) { level[static_cast<std::size_t>(i)].put_back(); });
}

template <class T>
std::vector<Index> divide_and_conquer(Index n, Index gap, Levels& levels, const std::function<void(Index, Index)>& leaf,
                                      const std::function<Merge<T>(Index, Index)>& node,
                                      const std::function<void(Merge<T>&)>& prepare, const std::vector<bool>& wanted,
                                      int threads) {
  std::vector<Index> found(static_cast<std::size_t>(n));
  struct Node {
    Index begin, end;
  };
  const auto halves = [gap](Node x, std::vector<Node>& out) {
    const Index middle = middle_of(x.begin, x.end, gap);
    out.push_back({x.begin, middle});
    out.push_back({middle + gap, x.end});
  };
  const std::function<void(Node, int)> alone = [&](Node x, int depth) {
    if (x.end - x.begin <= largest_leaf) return leaf(x.begin, x.end);
    std::vector<Node> both;
    halves(x, both);
    for (const Node half : both) alone(half, depth + 1);
    std::vector<Merge<T>> one;
    one.push_back(node(x.begin, x.end));
    merge<T>(one, prepare, levels, depth == 0 ? &wanted : nullptr, depth == 0 ? &found : nullptr, 1);
  };
  std::vector<std::vector<Node>> tree{{{0, n}}};
  while (tree.back()[0].end - tree.back()[0].begin > subtree) {
    std::vector<Node> next;
    for (const Node x : tree.back()) halves(x, next);
    tree.push_back(std::move(next));
  }
  const auto top = static_cast<int>(tree.size()) - 1;
  parallel_blas_for(static_cast<Index>(tree.back().size()),
                    useful_threads(1000.0 * static_cast<double>(n) * static_cast<double>(subtree), threads),
                    [&](Index i) { alone(tree.back()[static_cast<std::size_t>(i)], top); });
  for (int depth = top - 1; depth >= 0; --depth) {
    std::vector<Merge<T>> level;
    for (const Node x : tree[static_cast<std::size_t>(depth)]) level.push_back(node(x.begin, x.end));
    merge<T>(level, prepare, levels, depth == 0 ? &wanted : nullptr, depth == 0 ? &found : nullptr, threads);
  }
  if (n <= largest_leaf) {  // values in their order here, too
    std::vector<double> ascending;
    for (Index i = 0; i < n; ++i) ascending.push_back(levels.value[static_cast<std::size_t>(levels.rank[i])]);
    found = levels.rank;
    levels.value = std::move(ascending);
  }
  return found;
}

template <class T>
void columns_of(MatIn<T> rows, const std::vector<Index>& found, const std::vector<Index>& which, MatOut<T> out,
                int threads) {
  constexpr Index tile = 64, line = 16;  // whole cache lines are written
  const Index n = out.rows(), count = out.cols();
  parallel_ranges(n, tile, useful_threads(10.0 * static_cast<double>(n * count), threads), [&](Index begin, Index end) {
    const T* from[line];
    for (Index left = 0; left < count; left += line) {
      const Index inside = std::min(line, count - left);
      for (Index c = 0; c < inside; ++c)
        from[c] = rows.row(found[static_cast<std::size_t>(which[static_cast<std::size_t>(left + c)])]).data();
      for (Index i = begin; i < end; ++i)
        for (Index c = 0; c < inside; ++c) out(i, left + c) = from[c][i];
    }
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                                                       \
  template struct Side<T>;                                                                                           \
  template struct Merge<T>;                                                                                          \
  template std::vector<Index> divide_and_conquer<T>(                                                                 \
      Index, Index, Levels&, const std::function<void(Index, Index)>&, const std::function<Merge<T>(Index, Index)>&, \
      const std::function<void(Merge<T>&)>&, const std::vector<bool>&, int);                                         \
  template void columns_of<T>(MatIn<T>, const std::vector<Index>&, const std::vector<Index>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
