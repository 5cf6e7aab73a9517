#include "deeprmt/meanfield/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "homogeneous_rows.hpp"
#include "kernel_functions.hpp"
#include "kernel_series.hpp"
#include "kernel_step.hpp"
#include "piecewise_kernel.hpp"
#include "power_kernel.hpp"
#include "smooth_rows.hpp"

namespace deeprmt::meanfield {
namespace {

using Kind = KernelNetwork::Kind;
constexpr Index side = tile_side;
constexpr double near = 1.0 / 64;  // below, 1 - |r| of the first layer is computed from differences

// ---- series: correlations of a strip of pairs ----

/// What a strip of gaps is less than one from: r itself, or |r| where the activation is odd.
enum class Parity { odd, none, even };

/// The layer from strips of 1 - r (for odd activations 1 - |r|) and, if wanted, the correlations d of phi'.
template <class T, bool Bias, Parity P>
DEEPRMT_LEAF void gap_row(const Step<T>* step, const T* gaps, const T* d) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T size = s.own[root_second] * s.other[root_second][j], gap = gaps[j];
    const bool upper = P != Parity::odd || positive(s.state[j]);
    const T f = upper ? size * (1 - gap) : size * (gap - 1);
    s.now[j] = s.weight * f + s.bias;
    if (s.theta) {
      T slope = s.own[root_slope] * s.other[root_slope][j] * d[j];
      if constexpr (P == Parity::even) slope = std::copysign(T(1), s.state[j]) * slope;
      s.theta[j] = s.from * f + s.constant + s.weight * slope * s.theta[j];
    }
    s.state[j] = next_state<Bias>(gap, upper, size, s, j);
  }
}

/// Twice the argument of the series: of the angle over [0, pi], or for even and odd activations the acute over [0,
/// pi/2].
template <class T>
DEEPRMT_LEAF void chebyshev_argument(const T* state, T* twice_x, bool acute, Index n) {
  for (Index j = 0; j < n; ++j) {
    const T t = std::abs(state[j]) / 2, part = 2 * std::sqrt(t) * arcsine(t) * std::numbers::inv_pi_v<T>;
    twice_x[j] = acute ? 2 * (4 * part - 1) : 2 * (positive(state[j]) ? 2 * part - 1 : 1 - 2 * part);
  }
}

// ---- the first layer ----

template <class T>
DEEPRMT_LEAF Index first_states(const T* r, T* state, Index n) {
  Index close = 0;
  for (Index j = 0; j < n; ++j) {
    state[j] = std::copysign(std::max(1 - std::abs(r[j]), T(0)), r[j]);
    close += std::abs(state[j]) < T(near);
  }
  return close;
}

template <class T>
DEEPRMT_LEAF T half_square_distance(const T* x, const T* y, T sign, Index n) {
  T sums[16] = {};
  const Index whole = n / 16 * 16;
  for (Index i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; ++l) {
      const T difference = x[i + l] - sign * y[i + l];
      sums[l] += difference * difference;
    }
  for (Index i = whole; i < n; ++i) {
    const T difference = x[i] - sign * y[i];
    sums[0] += difference * difference;
  }
  T total = 0;
  for (const T sum : sums) total += sum;
  return total / 2;
}

// ---- the whole ----

template <class T>
void transpose_into(const T* from, Index ld_from, T* to, Index ld_to, Index rows, Index cols) {
  constexpr Index block = 16;
  for (Index r = 0; r < rows; r += block)
    for (Index c = 0; c < cols; c += block)
      for (Index j = c; j < std::min(cols, c + block); ++j)
        for (Index i = r; i < std::min(rows, r + block); ++i) to[j * ld_to + i] = from[i * ld_from + j];
}

template <class T>
void product(MatIn<T> x, MatIn<T> y, T alpha, Mat<T>& out) {  // alpha x y^T
  const int rows = static_cast<int>(x.rows()), cols = static_cast<int>(y.rows()), depth = blas::narrow(x.cols()),
            ldx = blas::narrow(std::max<Index>(x.outerStride(), 1)),
            ldy = blas::narrow(std::max<Index>(y.outerStride(), 1)), ld = static_cast<int>(out.cols());
  const T zero = 0;
  blas::call<T>(blas::Routine::gemm, "T", "N", &cols, &rows, &depth, &alpha, y.data(), &ldy, x.data(), &ldx, &zero,
                out.data(), &ld);
}

template <class T>
class Task {
 public:
  Task(MatIn<T> x_units, MatIn<T> y_units, MatIn<T> x, MatIn<T> y, const KernelDiagonals& of_x,
       const KernelDiagonals& of_y, const KernelNetwork& net, bool symmetric, MatOut<T> k, MatOut<T> theta)
      : x_units_(x_units),
        y_units_(y_units),
        x_(x),
        y_(y),
        net_(net),
        symmetric_(symmetric),
        k_(k),
        theta_(theta),
        layers_(static_cast<Index>(net.from_inputs.size())),
        from_products_(net.from_inputs[0] != net.weight || net.constants[0] != net.bias) {
    for (Index i = 0; i < of_x.variances.cols(); ++i) first_x_.push_back(std::sqrt(of_x.variances(0, i)));
    for (Index i = 0; i < of_y.variances.cols(); ++i) first_y_.push_back(std::sqrt(of_y.variances(0, i)));
    of_x_ = numbers<T>(of_x, net);
    if (!symmetric) of_y_ = numbers<T>(of_y, net);
    for (Index l = 0; (net.kind == Kind::erf || net.kind == Kind::gelu) && l + 1 < layers_; ++l) {
      T least = std::numeric_limits<T>::max(), most = 0;
      for (const auto* layer : {&of_x_[l], symmetric ? nullptr : &of_y_[l]}) {
        if (!layer) continue;
        least = std::min(least, layer->row(root_f).minCoeff()), most = std::max(most, layer->row(root_f).maxCoeff());
      }
      apart_.push_back(most > T(far) * least);
    }
    if (net.kind == Kind::power) powers_ = {PowerKernel(net.order), PowerKernel(net.order - 1)};
    if (net.kind == Kind::table) {
      for (const auto& layer : of_x_) x_logs_.push_back(layer.row(log_a).data());
      for (const auto& layer : symmetric ? of_x_ : of_y_) y_logs_.push_back(layer.row(log_a).data());
    }
    if (net.kind == Kind::pieces) pieces_ = std::make_unique<PieceLayers<T>>(net, of_x, symmetric ? of_x : of_y);
    const double p = (net.above - net.below) * (net.above - net.below) / 2,
                 whole = (net.above * net.above + net.below * net.below) / 2;
    share_ = whole > 0 ? p / whole : 0;
    slope_ = whole;
  }

  void tile(Index top, Index left) const {
    const Index n = x_units_.rows(), m = y_units_.rows(), rows = std::min(side, n - top),
                cols = std::min(side, m - left);
    const bool diagonal = symmetric_ && top == left, tangent = theta_.size() > 0;
    Mat<T> r(side, side), products;
    product<T>(x_units_.middleRows(top, rows), y_units_.middleRows(left, cols), 1, r);
    if (tangent && from_products_) {
      products.resize(side, side);
      product<T>(x_.middleRows(top, rows), y_.middleRows(left, cols),
                 static_cast<T>(1.0 / static_cast<double>(x_.cols())), products);
    }
    const auto strips = std::make_unique<Strips<T>>();
    const auto room = pieces_ ? pieces_->room() : nullptr;
    const bool table = net_.kind == Kind::table;
    TileSeries<T> series(net_, table ? layers_ - 1 : 0, side, tangent);
    series.place(top, rows, left, cols, x_logs_, y_logs_);
    // Series take a few rows at once.
    const Index group = table ? series_rows : 1;
    Mat<T> state = Mat<T>::Zero(group, side), now = state, theta = state, gap, d, twice_x;
    for (auto* each : {&gap, &d, &twice_x}) *each = Mat<T>::Zero(group, table ? side : 0);
    for (Index above = top; above < top + rows; above += group) {
      check_interrupt();
      const Index below = std::min(above + group, top + rows);
      // On the diagonal of tiles from the diagonal on; series from the block on that has it.
      const Index past = !diagonal ? 0 : table ? (above - top) / series_block<T> * series_block<T> : above - top;
      const Index begin = left + past, width = cols - past;
      for (Index i = above; i < below; ++i) {
        const T* correlations = r.data() + (i - top) * side + past;
        T *own_now = now.row(i - above).data(), *own_theta = theta.row(i - above).data();
        first(i, begin, width, correlations, state.row(i - above).data(), own_now);
        if (tangent && from_products_) {
          const T* product = products.data() + (i - top) * side + past;
          for (Index j = 0; j < width; ++j)
            own_theta[j] = static_cast<T>(net_.from_inputs[0]) * product[j] + static_cast<T>(net_.constants[0]);
        } else if (tangent) {
          std::copy_n(own_now, width, own_theta);
        }
      }
      for (Index l = 0;; ++l) {
        for (Index i = above; i < below; ++i)
          keep(l, i, begin, width, now.row(i - above).data(), theta.row(i - above).data());
        if (l + 1 == layers_) break;
        if (table) {
          if (!net_.tables[l].hermite)
            for (Index k = 0; k < below - above; ++k)
              clones<chebyshev_argument<T>>(state.row(k).data(), twice_x.row(k).data(), net_.order != 0, width);
          series.pass(l, above - top, past, width,
                      {below - above, side, state.data(), twice_x.data(), gap.data(), tangent ? d.data() : nullptr});
        }
        for (Index i = above; i < below; ++i) {
          const Index k = i - above;
          const Step<T> step = step_of(l, i, begin, width, state.row(k).data(), now.row(k).data(),
                                       tangent ? theta.row(k).data() : nullptr);
          table ? table_layer(step, gap.row(k).data(), d.row(k).data()) : layer(l, i, begin, step, *strips, room.get());
          if (diagonal) state(k, i - top - past) = 0;  // an input and itself
        }
      }
    }
    if (!symmetric_) return;
    for (const MatOut<T>* out : {&k_, &theta_}) {
      if (out->size() == 0) continue;
      for (Index block = 0; block < out->rows(); block += n) {
        T* data = const_cast<T*>(out->data()) + block * m;
        if (diagonal) {
          for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < i; ++j) data[(top + i) * m + left + j] = data[(left + j) * m + top + i];
        } else {
          transpose_into(data + top * m + left, m, data + left * m + top, m, rows, cols);
        }
      }
    }
  }

 private:
  void first(Index i, Index begin, Index width, const T* r, T* state, T* now) const {
    if (clones<first_states<T>>(r, state, width) > 0) {
      const T* own = x_units_.data() + i * x_units_.outerStride();
      for (Index j = 0; j < width; ++j)
        if (std::abs(state[j]) < T(near)) {
          const T sign = std::copysign(T(1), state[j]);
          const T* other = y_units_.data() + (begin + j) * y_units_.outerStride();
          state[j] = sign * std::min(clones<half_square_distance<T>>(own, other, sign, x_units_.cols()), T(1));
        }
    }
    const T root = static_cast<T>(first_x_[i]);
    for (Index j = 0; j < width; ++j)
      now[j] = root * static_cast<T>(first_y_[begin + j]) * std::copysign(1 - std::abs(state[j]), state[j]);
  }

  void keep(Index l, Index i, Index begin, Index width, const T* now, const T* theta) const {
    const Index n = x_units_.rows(), m = y_units_.rows();
    for (const auto& [out, row] : {std::pair{&k_, now}, std::pair{&theta_, theta}}) {
      if (out->size() == 0) continue;
      const bool all = out->rows() > n || layers_ == 1;
      if (!all && l + 1 < layers_) continue;
      std::copy_n(row, width, const_cast<T*>(out->data()) + ((all ? l * n : 0) + i) * m + begin);
    }
  }

  Step<T> step_of(Index l, Index i, Index begin, Index width, T* state, T* now, T* theta) const {
    Step<T> s;
    s.n = width, s.state = state, s.now = now, s.theta = theta;
    const auto& others = symmetric_ ? of_x_[l] : of_y_[l];
    for (int v = 0; v < count_of(net_.kind); ++v) {
      s.own[v] = of_x_[l](v, i);
      s.other[v] = others.data() + v * others.cols() + begin;
    }
    s.weight = static_cast<T>(net_.weight), s.bias = static_cast<T>(net_.bias);
    s.from = static_cast<T>(net_.from_inputs[l + 1]), s.constant = static_cast<T>(net_.constants[l + 1]);
    return s;
  }

  void layer(Index l, Index i, Index begin, Step<T> s, Strips<T>& strips, typename PieceLayers<T>::Room* room) const {
    const Index width = s.n;
    T *const state = s.state, *const theta = s.theta;
    const bool bias = net_.bias > 0;
    const auto choose = [&](auto row) {
      bias ? (theta ? row.template operator()<true, true>() : row.template operator()<true, false>())
           : (theta ? row.template operator()<false, true>() : row.template operator()<false, false>());
    };
    if (!apart_.empty() && apart_[l]) {
      std::copy_n(state, width, strips.a);
      if (theta) std::copy_n(theta, width, strips.b);
    }
    switch (net_.kind) {
      case Kind::ramp:
        s.first = static_cast<T>(share_), s.second = static_cast<T>(slope_);
        choose([&]<bool B, bool D>() { clones<ramp_row<T, B, D>>(&s); });
        break;
      case Kind::step:
        choose([&]<bool B, bool D>() { clones<step_row<T, false, B, D>>(&s); });
        if (l == 0 && !bias) beside_zeros(i, begin, s);
        break;
      case Kind::sign:
        choose([&]<bool B, bool D>() { clones<step_row<T, true, B, D>>(&s); });
        break;
      case Kind::square:
        choose([&]<bool B, bool D>() { clones<monomial_row<T, false, B, D>>(&s); });
        break;
      case Kind::cube:
        choose([&]<bool B, bool D>() { clones<monomial_row<T, true, B, D>>(&s); });
        break;
      case Kind::bell:
        choose([&]<bool B, bool D>() { clones<bell_row<T, B, D>>(&s); });
        break;
      case Kind::erf:
        s.first = static_cast<T>(net_.above);
        choose([&]<bool B, bool D>() { clones<erf_row<T, B, D>>(&s); });
        if (apart_[l]) choose([&]<bool B, bool D>() { erf_far_pairs<T, B, D>(s, strips.a, strips.b); });
        break;
      case Kind::gelu:
        choose([&]<bool B, bool D>() { clones<gelu_row<T, B, D>>(&s); });
        if (apart_[l]) choose([&]<bool B, bool D>() { gelu_far_pairs<T, B, D>(s, strips.a, strips.b); });
        break;
      case Kind::sine:
        choose([&]<bool B, bool D>() { clones<wave_row<T, true, B, D>>(&s); });
        break;
      case Kind::cosine:
        choose([&]<bool B, bool D>() { clones<wave_row<T, false, B, D>>(&s); });
        break;
      case Kind::power:
        powers_[0].pass(true, state, strips.f, strips, width);
        if (theta) powers_[1].pass(false, state, strips.d, strips, width);
        gaps<Parity::none>(bias, s, strips.f, strips.d);
        break;
      case Kind::pieces:
        pieces_->row(l, i, begin, s.n, s.state, strips.f, strips.d, *room);
        table_layer(s, strips.f, strips.d);
        break;
      case Kind::table:
        break;  // table_layer
    }
  }

  void table_layer(const Step<T>& s, const T* gap, const T* d) const {
    const bool bias = net_.bias > 0;
    net_.order < 0   ? gaps<Parity::odd>(bias, s, gap, d)
    : net_.order > 0 ? gaps<Parity::even>(bias, s, gap, d)
                     : gaps<Parity::none>(bias, s, gap, d);
  }

  /// An input of zeros has the feature phi(0) and no angle. That of the step may be 1/2, beside a mean of 1/2 and a
  /// second moment of 1/2 of all others.
  void beside_zeros(Index i, Index begin, const Step<T>& s) const {
    const T r = std::numbers::sqrt2_v<T> / 2;
    const bool zero = first_x_[i] == 0;
    for (Index j = 0; j < s.n; ++j) {
      if ((first_y_[begin + j] == 0) == zero) continue;
      const T f = s.own[root_second] * s.other[root_second][j] * r;
      s.state[j] = 1 - r;
      s.now[j] = s.weight * f;
      if (s.theta) s.theta[j] = s.from * f + s.constant;
    }
  }

  template <Parity P>
  static void gaps(bool bias, const Step<T>& s, const T* gap, const T* d) {
    bias ? clones<gap_row<T, true, P>>(&s, gap, d) : clones<gap_row<T, false, P>>(&s, gap, d);
  }

  MatIn<T> x_units_, y_units_, x_, y_;
  const KernelNetwork& net_;
  bool symmetric_;
  MatOut<T> k_, theta_;
  Index layers_;
  bool from_products_;
  std::vector<double> first_x_, first_y_;
  Numbers<T> of_x_, of_y_;
  std::vector<bool> apart_;  // of erf and gelu, by layer: whether some inputs have variances of other sizes
  std::vector<PowerKernel> powers_;
  std::vector<const T*> x_logs_, y_logs_;  // of tables
  std::unique_ptr<PieceLayers<T>> pieces_;
  double share_ = 0, slope_ = 0;
};

}  // namespace

template <class T>
void infinite_kernels(MatIn<T> x_units, MatIn<T> y_units, MatIn<T> x, MatIn<T> y, const KernelDiagonals& of_x,
                      const KernelDiagonals& of_y, const KernelNetwork& network, bool symmetric, MatOut<T> k,
                      MatOut<T> theta, int threads) {
  const Index n = x_units.rows(), m = y_units.rows(), layers = static_cast<Index>(network.from_inputs.size());
  check::that(x_units.cols() == y_units.cols(), "infinite_kernels: x_units and y_units must be of one width, got ",
              x_units.cols(), " and ", y_units.cols());
  check::that(static_cast<Index>(network.constants.size()) == layers && layers > 0,
              "infinite_kernels: constants must be those of ", layers, " layers, got ", network.constants.size());
  check::that(!symmetric || n == m, "infinite_kernels: a symmetric kernel must be square, got ", n, " x ", m);
  for (const auto& [of, count] : {std::pair{&of_x, n}, std::pair{&of_y, m}}) {
    check::shape("infinite_kernels", "variances", of->variances, layers, count);
    check::shape("infinite_kernels", "seconds", of->seconds, layers - 1, count);
    check::shape("infinite_kernels", "slopes", of->slopes, layers - 1, count);
  }
  for (const MatOut<T>* out : {&k, &theta}) {
    check::that(out->size() == 0 || (out->cols() == m && (out->rows() == n || out->rows() == layers * n)),
                "infinite_kernels: an output must have shape (", n, ", ", m, ") or that of all layers, got (",
                out->rows(), ", ", out->cols(), ")");
    check::that(out->size() == 0 || out->outerStride() == m, "infinite_kernels: an output must be contiguous");
  }
  if (network.kind == Kind::table) {
    check::that(static_cast<Index>(network.tables.size()) == layers - 1,
                "infinite_kernels: there must be a table for each of ", layers - 1, " layers, got ",
                network.tables.size());
    for (const auto& table : network.tables) {
      const Index p = table.x_weights.rows();
      check::shape("infinite_kernels", "x_weights", table.x_weights, p, n);
      check::shape("infinite_kernels", "y_weights", table.y_weights, p, m);
      for (const auto* terms : {&table.gap, &table.apart, &table.d}) {
        const Index count = terms->ends.empty() ? 0 : terms->ends.back();
        check::that(
            std::is_sorted(terms->ends.begin(), terms->ends.end()) && (terms->ends.empty() || terms->ends.front() >= 0),
            "infinite_kernels: ends of terms must ascend");
        check::shape("infinite_kernels", "left", terms->left, count, p);
        check::shape("infinite_kernels", "right", terms->right, count, p);
      }
      check::that(!table.gap.ends.empty() && (table.hermite || theta.size() == 0 || !table.d.ends.empty()),
                  "infinite_kernels: a table must have terms");
      check::that(!table.hermite || table.gap.ends.back() == static_cast<Index>(table.gap.ends.size()),
                  "infinite_kernels: a Hermite series must have one product a degree");
    }
  }
  if (network.kind == Kind::pieces) {
    const auto& pieces = network.pieces;
    check::that(pieces.kinks.size() == pieces.bends.size() && pieces.kinks.size() <= KernelNetwork::Pieces::most,
                "infinite_kernels: there must be a bend for each of at most ", KernelNetwork::Pieces::most,
                " kinks, got ", pieces.bends.size(), " for ", pieces.kinks.size());
    check::that(static_cast<Index>(pieces.apart.size()) == layers - 1,
                "infinite_kernels: there must be a series for each of ", layers - 1, " layers, got ",
                pieces.apart.size());
    for (const auto& apart : pieces.apart)
      check::that(apart.x.size() == n && apart.y.size() == m, "infinite_kernels: there must be ", n, " and ", m,
                  " coordinates of variances, got ", apart.x.size(), " and ", apart.y.size());
  }
  if (n == 0 || m == 0) return;
  const Task<T> task(x_units, y_units, x, y, of_x, of_y, network, symmetric, k, theta);
  const Index down = (n + side - 1) / side, across = (m + side - 1) / side;
  const Index count = symmetric ? down * (down + 1) / 2 : down * across;
  const double work = static_cast<double>(n) * static_cast<double>(m) *
                      (2.0 * static_cast<double>(x_units.cols()) + 100.0 * static_cast<double>(layers));
  parallel_blas_for(count, useful_threads(work, threads), [&](Index piece) {
    Index i = piece / across, j = piece % across;
    if (symmetric) {  // rows of the upper triangle, one after the other
      i = 0;
      while (piece >= down - i) piece -= down - i, ++i;
      j = i + piece;
    }
    task.tile(i * side, j * side);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                                      \
  template void infinite_kernels<T>(MatIn<T>, MatIn<T>, MatIn<T>, MatIn<T>, const KernelDiagonals&, \
                                    const KernelDiagonals&, const KernelNetwork&, bool, MatOut<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::meanfield
