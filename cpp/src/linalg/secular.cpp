// The loops over poles take four roots at once and get four reciprocals from one division; they are plain vector
// code, compiled once for each instruction set. What is done once a root is scalar.
#include "secular.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/clones.hpp"
#include "pack.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr int group = 4;

/// As many doubles as one register holds. `lanes` partial sums are kept however many that is, so that all sums are the
/// same; where registers are shorter, the loop runs once for each part of the lanes, since both parts would not fit.
template <int Width>
using Vector = typename Register<double, 8 * Width>::type;

/// Part `slice` of vector j of lanes.
template <int Width>
DEEPRMT_LEAF const Vector<Width>& part(const double* x, Index j, int slice) {
  return *reinterpret_cast<const Vector<Width>*>(x + j * lanes + slice * Width);
}

DEEPRMT_LEAF double sum(const double* x) { return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7])); }

/// x[r] becomes 1 / x[r], up to three more roundings. Products of four neither over- nor underflow: poles are of order
/// 1, and each root is close to one of them only, by more than 1e-45.
template <class V>
DEEPRMT_LEAF void invert(V (&x)[group]) {
  const V ab = x[0] * x[1], cd = x[2] * x[3], all = 1.0 / (ab * cd), rab = all * cd, rcd = all * ab;
  const V a = x[0], c = x[2];
  x[0] = rab * x[1];
  x[1] = rab * a;
  x[2] = rcd * x[3];
  x[3] = rcd * c;
}

/// Sums over poles for four roots: terms t = z^2 / (pole - x), their negative and positive parts, and derivatives.
struct Sums {
  double origin[group], offset[group];
  double below[group], above[group], slope[group], curve[group];
};

/// Vectors [0, left) hold only poles below the roots, [right, count) only poles above.
template <int Width>
DEEPRMT_LEAF void evaluate_loop(const double* pole, const double* weight, Index left, Index right, Index count,
                                Sums& s) {
  using V = Vector<Width>;
  double sums[4][group][lanes];
  for (int slice = 0; slice < lanes / Width; ++slice) {
    V below[group] = {}, above[group] = {}, slope[group] = {}, curve[group] = {}, x[group];
    for (Index j = 0; j < left; ++j) {
      for (int r = 0; r < group; ++r) x[r] = (part<Width>(pole, j, slice) - s.origin[r]) - s.offset[r];
      invert(x);
      for (int r = 0; r < group; ++r) {
        const V t = part<Width>(weight, j, slice) * x[r], u = t * x[r];
        below[r] += t;
        slope[r] += u;
        curve[r] += u * x[r];
      }
    }
    for (Index j = left; j < right; ++j) {
      for (int r = 0; r < group; ++r) x[r] = (part<Width>(pole, j, slice) - s.origin[r]) - s.offset[r];
      invert(x);
      for (int r = 0; r < group; ++r) {
        const V t = part<Width>(weight, j, slice) * x[r], u = t * x[r], zero = {};
        below[r] += t < 0.0 ? t : zero;
        above[r] += t < 0.0 ? zero : t;
        slope[r] += u;
        curve[r] += u * x[r];
      }
    }
    for (Index j = right; j < count; ++j) {
      for (int r = 0; r < group; ++r) x[r] = (part<Width>(pole, j, slice) - s.origin[r]) - s.offset[r];
      invert(x);
      for (int r = 0; r < group; ++r) {
        const V t = part<Width>(weight, j, slice) * x[r], u = t * x[r];
        above[r] += t;
        slope[r] += u;
        curve[r] += u * x[r];
      }
    }
    for (int r = 0; r < group; ++r)
      for (int lane = 0; lane < Width; ++lane) {
        sums[0][r][slice * Width + lane] = below[r][lane];
        sums[1][r][slice * Width + lane] = above[r][lane];
        sums[2][r][slice * Width + lane] = slope[r][lane];
        sums[3][r][slice * Width + lane] = curve[r][lane];
      }
  }
  for (int r = 0; r < group; ++r) {
    s.below[r] = sum(sums[0][r]);
    s.above[r] = sum(sums[1][r]);
    s.slope[r] = sum(sums[2][r]);
    s.curve[r] = sum(sums[3][r]);
  }
}

/// squared[j] = product over roots i of (root_i - pole_j) / product over i != j of (pole_i - pole_j), for vectors
/// [begin, end) of lanes j.
template <int Width>
DEEPRMT_LEAF void loewner_loop(const double* poles, const double* origin, const double* offset, Index size, Index begin,
                               Index end, double* out) {
  using V = Vector<Width>;
  constexpr int depth = 4;  // at once, so that their divisions overlap
  const V one = V{} + 1.0;
  const Index first = begin * lanes / Width, last = end * lanes / Width;
  for (Index j = first; j < last; j += depth) {
    V at[depth], product[depth];
    for (int w = 0; w < depth; ++w) {
      // Beyond the end, any vector will do: it is not stored.
      at[w] = reinterpret_cast<const V*>(poles)[std::min(j + w, last - 1)];
      product[w] = one;
    }
    Index i = 0;
    for (; i + group <= size; i += group)
      for (int w = 0; w < depth; ++w) {
        V above = one, under = one;
        for (int r = 0; r < group; ++r) {
          const V gap = poles[i + r] - at[w];
          above *= (origin[i + r] - at[w]) + offset[i + r];
          under *= gap == 0.0 ? one : gap;
        }
        product[w] *= above / under;
      }
    for (; i < size; ++i)
      for (int w = 0; w < depth; ++w) {
        const V gap = poles[i] - at[w];
        product[w] *= ((origin[i] - at[w]) + offset[i]) / (gap == 0.0 ? one : gap);
      }
    for (int w = 0; w < depth && j + w < last; ++w) reinterpret_cast<V*>(out)[j + w] = product[w];
  }
}

struct Rows {
  double origin[group], offset[group];
  double first[group], last[group];
};

/// Entries of the two rows in the columns of four roots: sums of z q / (pole - root) over the norm of z / (pole -
/// root).
template <int Width>
DEEPRMT_LEAF void rows_loop(const double* pole, const double* weight, const double* first, const double* last,
                            Index count, Rows& s) {
  using V = Vector<Width>;
  double sums[3][group][lanes];
  for (int slice = 0; slice < lanes / Width; ++slice) {
    V norm[group] = {}, f[group] = {}, l[group] = {}, x[group];
    for (Index j = 0; j < count; ++j) {
      for (int r = 0; r < group; ++r) x[r] = (part<Width>(pole, j, slice) - s.origin[r]) - s.offset[r];
      invert(x);
      for (int r = 0; r < group; ++r) {
        norm[r] += part<Width>(weight, j, slice) * x[r] * x[r];
        f[r] += part<Width>(first, j, slice) * x[r];
        l[r] += part<Width>(last, j, slice) * x[r];
      }
    }
    for (int r = 0; r < group; ++r)
      for (int lane = 0; lane < Width; ++lane) {
        sums[0][r][slice * Width + lane] = norm[r][lane];
        sums[1][r][slice * Width + lane] = f[r][lane];
        sums[2][r][slice * Width + lane] = l[r][lane];
      }
  }
  for (int r = 0; r < group; ++r) {
    const double scale = 1 / std::sqrt(sum(sums[0][r]));
    s.first[r] = sum(sums[1][r]) * scale;
    s.last[r] = sum(sums[2][r]) * scale;
  }
}

/// Rows `right` of four roots, z / (pole - root), and `left`, d times that; `first` and `last` become what normalises
/// them, the latter with one entry of 1 more.
template <int Width, bool both>
DEEPRMT_LEAF void vectors_loop(const double* pole, const double* z, const double* d, Index count, Rows& s,
                               double* right, double* left) {
  using V = Vector<Width>;
  double sums[2][group][lanes];
  for (int slice = 0; slice < lanes / Width; ++slice) {
    V norm[group] = {}, other[group] = {}, x[group];
    for (Index j = 0; j < count; ++j) {
      for (int r = 0; r < group; ++r) x[r] = (part<Width>(pole, j, slice) - s.origin[r]) - s.offset[r];
      invert(x);
      for (int r = 0; r < group; ++r) {
        const V t = part<Width>(z, j, slice) * x[r];
        *reinterpret_cast<V*>(right + (r * count + j) * lanes + slice * Width) = t;
        norm[r] += t * t;
        if constexpr (both) {
          const V u = part<Width>(d, j, slice) * t;
          *reinterpret_cast<V*>(left + (r * count + j) * lanes + slice * Width) = u;
          other[r] += u * u;
        }
      }
    }
    for (int r = 0; r < group; ++r)
      for (int lane = 0; lane < Width; ++lane) {
        sums[0][r][slice * Width + lane] = norm[r][lane];
        sums[1][r][slice * Width + lane] = other[r][lane];
      }
  }
  for (int r = 0; r < group; ++r) {
    s.first[r] = 1 / std::sqrt(sum(sums[0][r]));
    s.last[r] = 1 / std::sqrt(1 + sum(sums[1][r]));
  }
}

template <class T>
DEEPRMT_LEAF void scale_loop(const double* x, double scale, T* out, Index size) {
  for (Index j = 0; j < size; ++j) out[j] = static_cast<T>(x[j] * scale);
}

/// The loop for the width of this machine's registers.
template <class Wide, class Middle, class Narrow, class... Arguments>
void by_width(const Wide& wide, const Middle& middle, const Narrow& narrow, Arguments&&... arguments) {
  if (detail::chosen_set == InstructionSet::v4)
    wide(arguments...);
  else if (detail::chosen_set == InstructionSet::v3)
    middle(arguments...);
  else
    narrow(arguments...);
}
#define DEEPRMT_BY_WIDTH(loop, ...) by_width(clones<loop<8>>, clones<loop<4>>, clones<loop<2>>, __VA_ARGS__)

/// The root of c x^2 - a x + b that the secular equation means, without cancellation.
double quadratic(double a, double b, double c) {
  const double root = std::sqrt(std::max(a * a - 4 * b * c, 0.0));
  return a <= 0 ? (a - root) / (2 * c) : 2 * b / (a + root);
}

/// One root on its way: an offset from its origin and a bracket of it, all of one sign.
struct Root {
  Index index = 0, origin = 0;
  double offset = 0, low = 0, high = 0, step = 0;
  bool is_placed = false;  // the origin is chosen
};

}  // namespace

Secular::Secular(Index k)
    : size(k), pole(k), z(k), squared(k), first(k), last(k), origin(k), offset(k), new_first(k), new_last(k) {}

void Secular::pad() {
  weight = 0;
  for (Index j = 0; j < size; ++j) {
    squared[j] = z[j] * z[j];
    weight += squared[j];
  }
  const double beyond = pole[size - 1] + 4 * weight + 1;  // a place that no root reaches
  for (Index j = size; j % lanes != 0; ++j) {
    pole[j] = beyond;
    z[j] = squared[j] = first[j] = last[j] = 0;
  }
}

void Secular::solve(Index begin, Index end, double slack) {
  Root active[secular_block];
  Index left = 0;
  const Index count = (size + lanes - 1) / lanes;
  const auto gap = [&](Index k) { return k + 1 < size ? pole[k + 1] - pole[k] : weight; };
  for (Index k = begin; k < end; ++k) {
    Root& root = active[left++];
    root.index = root.origin = k;
    root.high = gap(k);
    root.offset = root.high / 2;
  }
  const auto done = [&](const Root& root) {
    origin[root.index] = pole[root.origin];
    offset[root.index] = root.offset;
  };
  // One step of one root from the sums at its offset; false once it is found.
  const auto advance = [&](Root& root, double below, double above, double slope, double curve) {
    const Index k = root.index;
    const bool is_last = k + 1 == size;
    const double f = 1 + below + above;
    const double noise = eps * (1 - below + above + std::abs(root.offset) * slope);
    double step = 0, next = 0;
    if (!root.is_placed) {
      root.is_placed = true;
      const double width = root.high, half = root.offset;
      if (std::abs(f) <= noise) return false;
      if (is_last) {
        (f < 0 ? root.low : root.high) = half;
      } else if (f >= 0) {  // near the pole below: its own weight, and the rest with the right value and slope
        root.high = half;
        const double s = squared[k], other = half * half * (slope - s / (half * half)), c = f + s / half - other / half;
        next = quadratic(c * width + s + other, s * width, c);
      } else {
        root.origin = k + 1;
        root.low = -half;
        root.high = 0;
        const double s = squared[k + 1], other = half * half * (slope - s / (half * half));
        const double c = f - s / half + other / half;
        next = quadratic(-c * width + s + other, -s * width, c);
      }
      if (is_last) {
        const double c = f + half * slope;
        next = half - half * f / c;
        if (!(c > 0)) next = root.high * 2;
      }
    } else {
      if (std::abs(f) <= noise) return false;
      (f < 0 ? root.low : root.high) = root.offset;
      const double d1 = (pole[k] - pole[root.origin]) - root.offset;
      if (is_last) {  // one pole, value and slope
        const double c = f - d1 * slope;
        step = c > 0 ? d1 * f / c : std::numeric_limits<double>::infinity();
      } else {  // both poles, value, slope and curvature (Gragg): cubic
        const double d2 = (pole[k + 1] - pole[root.origin]) - root.offset;
        const double a = (d1 + d2) * f - d1 * d2 * slope, b = d1 * d2 * f, c = f - (d1 + d2) * slope + d1 * d2 * curve;
        step = quadratic(a, b, c);
      }
      next = root.offset + step;
      // The error is about C step^p, p = 3 (2 for the last root), and the previous step tells C if it was small beside
      // the distance to the pole, within which the equation has no other scale.
      const double ratio = std::abs(step / root.step);
      const double error = 10 * std::abs(step) * ratio * ratio * (is_last ? 1 : ratio);
      const bool is_near = std::abs(root.step) <= 0.1 * std::abs(next) && ratio <= 0.1;
      const double allowed = std::max(eps / 8 * std::abs(next), slack);
      const bool is_close = std::abs(step) <= 2 * eps * std::abs(next);
      if (next > root.low && next < root.high && (is_close || (is_near && error <= allowed))) {
        root.offset = next;
        return false;
      }
    }
    root.step = step;
    if (!(next > root.low && next < root.high)) {
      const double near = std::min(std::abs(root.low), std::abs(root.high));
      const double far = std::max(std::abs(root.low), std::abs(root.high));
      if (far - near <= 2 * eps * far) return false;
      const double middle = near == 0 ? far / 16 : far > 4 * near ? std::sqrt(near) * std::sqrt(far) : (near + far) / 2;
      next = root.high > 0 ? middle : -middle;
      root.step = 0;
    }
    root.offset = next;
    return true;
  };
  for (int round = 0; left > 0 && round < 400; ++round) {
    Index kept = 0;
    for (Index at = 0; at < left; at += group) {
      Sums s;
      const Index inside = std::min<Index>(group, left - at);
      for (int r = 0; r < group; ++r) {
        const Root& root = active[at + std::min<Index>(r, inside - 1)];
        s.origin[r] = pole[root.origin];
        s.offset[r] = root.offset;
      }
      DEEPRMT_BY_WIDTH(evaluate_loop, pole.data(), squared.data(), (active[at].index + 1) / lanes,
                       std::min(active[at + inside - 1].index / lanes + 1, count), count, s);
      for (Index r = 0; r < inside; ++r) {
        Root root = active[at + r];
        if (advance(root, s.below[r], s.above[r], s.slope[r], s.curve[r]))
          active[kept++] = root;
        else
          done(root);
      }
    }
    left = kept;
  }
  for (Index r = 0; r < left; ++r) done(active[r]);
}

void Secular::refine(Index begin, Index end) {
  DEEPRMT_BY_WIDTH(loewner_loop, pole.data(), origin.data(), offset.data(), size, begin / lanes,
                   (end + lanes - 1) / lanes, squared.data());
  for (Index j = begin; j < end; ++j) {
    const double size_of_z = std::sqrt(std::max(squared[j], 0.0));
    const double signed_z = std::copysign(size_of_z, z[j]);
    squared[j] = size_of_z * size_of_z;
    first[j] *= signed_z;
    last[j] *= signed_z;
  }
  if (end == size)
    for (Index j = size; j % lanes != 0; ++j) squared[j] = 0;
}

void Secular::rotate(Index begin, Index end) {
  const Index count = (size + lanes - 1) / lanes;
  for (Index at = begin; at < end; at += group) {
    Rows s;
    const Index inside = std::min<Index>(group, end - at);
    for (int r = 0; r < group; ++r) {
      const Index i = at + std::min<Index>(r, inside - 1);
      s.origin[r] = origin[i];
      s.offset[r] = offset[i];
    }
    DEEPRMT_BY_WIDTH(rows_loop, pole.data(), squared.data(), first.data(), last.data(), count, s);
    for (Index r = 0; r < inside; ++r) {
      new_first[at + r] = s.first[r];
      new_last[at + r] = s.last[r];
    }
  }
}

SecularVectors::SecularVectors(const Secular& q, const std::vector<Index>& place)
    : q_(q), pole_(q.size), z_(q.size), root_of_pole_(q.size) {
  for (Index p = 0; p < q.size; ++p) {
    const Index j = place[static_cast<std::size_t>(p)];
    if (j == 0) first_ = p;
    pole_[p] = q.pole[j];
    z_[p] = q.first[j];
    root_of_pole_[p] = std::sqrt(std::max(q.pole[j], 0.0));
  }
  if (q.size > 0)
    for (Index p = q.size; p % lanes != 0; ++p) {
      pole_[p] = q.pole[q.size - 1] + 4 * q.weight + 1;
      z_[p] = root_of_pole_[p] = 0;
    }
}

template <bool both, class T>
void SecularVectors::fill(const Index* roots, Index count, T* right, T* left, Index ld) const {
  const Index packs = (q_.size + lanes - 1) / lanes;
  Lanes r_rows(group * packs * lanes), l_rows(both ? group * packs * lanes : 0);
  for (Index at = 0; at < count; at += group) {
    Rows s;
    const Index inside = std::min<Index>(group, count - at);
    for (int r = 0; r < group; ++r) {
      const Index i = roots[at + std::min<Index>(r, inside - 1)];
      s.origin[r] = q_.origin[i];
      s.offset[r] = q_.offset[i];
    }
    const double *pole = pole_.data(), *z = z_.data(), *d = root_of_pole_.data();
    by_width(clones<vectors_loop<8, both>>, clones<vectors_loop<4, both>>, clones<vectors_loop<2, both>>, pole, z, d,
             packs, s, r_rows.data(), l_rows.data());
    for (Index r = 0; r < inside; ++r) {
      clones<scale_loop<T>>(r_rows.data() + r * packs * lanes, s.first[r], right + (at + r) * ld, q_.size);
      if constexpr (both) {
        clones<scale_loop<T>>(l_rows.data() + r * packs * lanes, s.last[r], left + (at + r) * ld, q_.size);
        left[(at + r) * ld + first_] = static_cast<T>(-s.last[r]);
      }
    }
  }
}

template <class T>
void SecularVectors::eigenvectors(const Index* roots, Index count, T* out, Index ld) const {
  fill<false, T>(roots, count, out, nullptr, ld);
}

template <class T>
void SecularVectors::singular_vectors(const Index* roots, Index count, T* right, T* left, Index ld) const {
  fill<true, T>(roots, count, right, left, ld);
}

#define DEEPRMT_INSTANTIATE(T)                                                         \
  template void SecularVectors::eigenvectors<T>(const Index*, Index, T*, Index) const; \
  template void SecularVectors::singular_vectors<T>(const Index*, Index, T*, T*, Index) const;
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
