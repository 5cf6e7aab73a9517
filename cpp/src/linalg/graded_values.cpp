#include "graded_values.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/svd.hpp"
#include "graded_qr.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double negligible = 1e-14;    // change of a log singular value that one pair of rows may still make
constexpr double accurate_range = 1e4;  // ratio of values up to which svdvals is accurate in each
constexpr Index passes_at_most = 6;
constexpr int sweeps_at_most = 60;

/// What a cosine between two rows changes in the logarithm of their lengths, the second `shorter` times the first.
double change(double cosine, double shorter) {
  const double c = std::abs(cosine), gap = std::max(1 - shorter * shorter, 0.0);
  return c * gap < c * c ? c : c * c / gap;
}

struct Pair {
  Index i, j;
};

/// Rotates rows i and j of diag(d) t until they are orthogonal. Only ratios of d enter, so that nothing overflows.
void rotate(std::vector<Scaled>& d, Mat<double>& t, Index i, Index j) {
  double along = t.row(i).squaredNorm(), across = t.row(j).squaredNorm();
  double shorter = ratio(d[j], d[i]);
  if (across * shorter * shorter > along) {
    std::swap(i, j);
    std::swap(along, across);
    shorter = ratio(d[j], d[i]);
  }
  const double dot = t.row(i).dot(t.row(j)), rest = across * shorter * shorter, gap = along - rest;
  if (change(dot / std::sqrt(along * across), shorter * std::sqrt(across / along)) <= negligible) return;
  const double tangent = -2 * dot / (gap + std::sqrt(gap * gap + 4 * shorter * shorter * dot * dot));  // over `shorter`
  const double turned = tangent * shorter, cosine = 1 / std::sqrt(1 + turned * turned);
  double *x = t.row(i).data(), *y = t.row(j).data();
  const double xy = -cosine * turned * shorter, yx = cosine * tangent;
  for (Index k = 0; k < t.cols(); ++k) {
    const double a = x[k], b = y[k];
    x[k] = cosine * a + xy * b;
    y[k] = cosine * b + yx * a;
  }
}

/// One-sided Jacobi. Before each sweep one matrix product finds the pairs that are worth a rotation; pairs whose
/// indices have the same sum, modulo the size, are disjoint and go to the threads together.
void orthogonalise(std::vector<Scaled>& d, Mat<double>& t, int threads) {
  const Index r = t.rows();
  Mat<double> gram(r, r);
  std::vector<std::vector<Pair>> rounds(static_cast<std::size_t>(r));
  for (int sweep = 0; sweep < sweeps_at_most; ++sweep) {
    const Vec<double> norms = t.rowwise().norm();
    for (Index i = 0; i < r; ++i) {
      t.row(i) /= norms[i];
      d[i].multiply(norms[i]);
    }
    multiply<double>('N', 'T', 1, t, t, 0, gram, threads);
    bool done = true;
    for (Index i = 0; i < r; ++i)
      for (Index j = i + 1; j < r; ++j) {
        const double shorter = ratio(d[j], d[i]);
        if (change(gram(i, j), std::min(shorter, 1 / shorter)) > negligible) {
          rounds[(i + j) % r].push_back({i, j});
          done = false;
        }
      }
    if (done) return;
    for (auto& round : rounds) {
      check_interrupt();
      const double work = 10.0 * static_cast<double>(round.size()) * static_cast<double>(t.cols());
      parallel_for(static_cast<Index>(round.size()), useful_threads(work, threads),
                   [&](Index p) { rotate(d, t, round[p].i, round[p].j); });
      round.clear();
    }
  }
  throw std::runtime_error("log_svdvals: the Jacobi iteration did not converge");
}

double log_range(const std::vector<Scaled>& d, Index begin, Index end) {
  const auto [low, high] = std::minmax_element(d.begin() + begin, d.begin() + end,
                                               [](const Scaled& x, const Scaled& y) { return x.log() < y.log(); });
  return high->log() - low->log();
}

/// Values of rows and columns [begin, end) of diag(d) t, t upper triangular.
void block_values(const std::vector<Scaled>& d, const Mat<double>& t, Index begin, Index end, Vec<double>& out,
                  int threads) {
  const Index size = end - begin;
  std::vector<Scaled> scale(d.begin() + begin, d.begin() + end);
  Mat<double> block = t.block(begin, begin, size, size);
  if (size > 1 && log_range(d, begin, end) <= std::log(accurate_range)) {
    const Scaled unit = scale[0];
    for (Index i = 0; i < size; ++i) block.row(i) *= ratio(scale[i], unit);
    Mat<double> s(1, size);
    svdvals<double>(block.data(), 1, size, size, s, threads);
    for (Index i = 0; i < size; ++i) out[begin + i] = std::log(s(0, i)) + unit.log();
    return;
  }
  if (size > 1) orthogonalise(scale, block, threads);
  for (Index i = 0; i < size; ++i) out[begin + i] = std::log(block.row(i).norm()) + scale[i].log();
}

}  // namespace

Vec<double> graded_values(std::vector<Scaled> d, Mat<double> t, int threads) {
  const Index r = t.rows();
  Vec<double> out(r);
  if (r == 0) return out;
  const auto pass = [&] {
    Mat<double> b = t.transpose();
    auto next = graded_qr<double>(b, d, threads);
    if (static_cast<Index>(next.d.size()) < r) throw std::runtime_error("log_svdvals: the product lost its rank");
    d = std::move(next.d);
    t = std::move(next.t);
  };
  pass();
  // Row and column up to which some pair is not negligible.
  std::vector<Index> reach(static_cast<std::size_t>(r));
  for (Index passes = 1;; ++passes) {
    Index pairs = 0;
    for (Index i = 0; i < r; ++i) {
      reach[i] = i;
      for (Index j = i + 1; j < r; ++j)
        if (change(t(i, j), std::min(1.0, ratio(d[j], d[i]))) > negligible) {
          reach[i] = j;
          ++pairs;
        }
    }
    if (passes == passes_at_most || pairs <= 4 * r || log_range(d, 0, r) <= std::log(accurate_range)) break;
    pass();
  }
  for (Index begin = 0; begin < r;) {
    Index end = begin + 1;
    for (Index i = begin, last = begin; i <= last; ++i, end = last + 1) last = std::max(last, reach[i]);
    block_values(d, t, begin, end, out, threads);
    begin = end;
  }
  std::sort(out.data(), out.data() + r, std::greater<>());
  return out;
}

}  // namespace deeprmt::linalg
