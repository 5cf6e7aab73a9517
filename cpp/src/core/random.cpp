// Plain loops over short arrays, which the compiler turns into vector code, once for each instruction set.
// Compiled without contraction to fused multiply-add, so that all of them round alike.
#include "deeprmt/core/random.hpp"

#include <bit>
#include <cmath>

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt {
namespace {

constexpr int lanes = 64;  // Philox blocks made at once

struct Bits {
  alignas(64) std::uint32_t word[4][lanes];
};

// Blocks first, first + 1, ... of a stream: counter words (low, high of the block index, part, sample).
inline void philox_blocks(Stream stream, std::uint64_t first, Bits& bits) {
  for (int i = 0; i < lanes; ++i) {
    bits.word[0][i] = static_cast<std::uint32_t>(first + i);
    bits.word[1][i] = static_cast<std::uint32_t>((first + i) >> 32);
    bits.word[2][i] = stream.part;
    bits.word[3][i] = stream.sample;
  }
  auto k0 = static_cast<std::uint32_t>(stream.key), k1 = static_cast<std::uint32_t>(stream.key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < lanes; ++i) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53} * bits.word[0][i];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * bits.word[2][i];
      const auto w1 = bits.word[1][i], w3 = bits.word[3][i];
      bits.word[0][i] = static_cast<std::uint32_t>(p1 >> 32) ^ w1 ^ k0;
      bits.word[1][i] = static_cast<std::uint32_t>(p1);
      bits.word[2][i] = static_cast<std::uint32_t>(p0 >> 32) ^ w3 ^ k1;
      bits.word[3][i] = static_cast<std::uint32_t>(p0);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

// ---- uniforms in (0, 1) from bits ----
// 52 random bits below a fixed exponent give [1, 2); half a step is added so that 0 and 1 are never reached.
inline double unit64(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t mantissa = (std::uint64_t{high} << 20) | (low >> 12);
  return std::bit_cast<double>((std::uint64_t{0x3FF} << 52) | mantissa) - (1.0 - 0x1p-53);
}

// ---- elementary functions of Box-Muller, as polynomials ----

// ln x for a positive normal x. x = 2^k m, m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1).
// The series of atanh is cut where its first neglected term, 2 s^23 / 23 at |s| = 0.1716, is below 2e-19.
inline double log_positive(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t shifted = bits - 0x3FE6A09E667F3BCD;  // the bits of sqrt(1/2)
  const std::uint64_t mantissa = bits - (shifted & 0xFFF0000000000000);
  // The signed exponent as a double without a 64-bit conversion, which not every instruction set has.
  const double k = std::bit_cast<double>(0x4338000000000000 + ((shifted >> 52) ^ 0x800)) - (0x1.8p52 + 2048.0);
  const double m = std::bit_cast<double>(mantissa);
  const double s = (m - 1) / (m + 1), z = s * s;
  double p = 1.0 / 21;
  for (const double c : {1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3})
    p = p * z + c;
  const double tail = 2 * s * (z * p) + k * 1.90821492927058770002e-10;
  return k * 6.93147180369123816490e-01 + (2 * s + tail);
}

// cos and sin of 2 pi u, u in (0, 1). The angle is folded to |t| <= 1/8 turn; Taylor series of the folded angle
// a = 2 pi t, |a| <= pi/4, to order 17: the first neglected terms are below 3e-19.
inline void cos_sin_turn(double u, double& c, double& s) {
  const double quarter = (4 * u + 0x1.8p52) - 0x1.8p52;  // 4 u to the nearest whole number, 0..4
  const double a = (u - 0.25 * quarter) * 6.283185307179586476925;
  const double z = a * a;
  double ps = 1.0 / 355687428096000, pc = 1.0 / 20922789888000;
  for (const double t :
       {-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6})
    ps = ps * z + t;
  for (const double t : {-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5})
    pc = pc * z + t;
  const double sine = a + a * z * ps, cosine = 1 + z * pc;
  const bool odd = quarter == 1 || quarter == 3;
  const double x = odd ? sine : cosine, y = odd ? cosine : sine;
  c = quarter == 1 || quarter == 2 ? -x : x;
  s = quarter == 2 || quarter == 3 ? -y : y;
}

// ---- one batch of `lanes` blocks ----
// double: a block holds 2 numbers, float: 4.
DEEPRMT_LEAF void fill_uniforms_loop(Stream stream, std::uint64_t block, double* out) {
  Bits b;
  philox_blocks(stream, block, b);
  for (int i = 0; i < lanes; ++i) {
    out[2 * i] = unit64(b.word[0][i], b.word[1][i]);
    out[2 * i + 1] = unit64(b.word[2][i], b.word[3][i]);
  }
}

DEEPRMT_LEAF void fill_normals_loop(Stream stream, std::uint64_t block, double* out) {
  Bits b;
  philox_blocks(stream, block, b);
  alignas(64) double x[lanes], y[lanes];
  for (int i = 0; i < lanes; ++i) {
    const double u = unit64(b.word[0][i], b.word[1][i]);
    const double v = unit64(b.word[2][i], b.word[3][i]);
    double c, s;
    cos_sin_turn(v, c, s);
    const double r = std::sqrt(-2 * log_positive(u));
    x[i] = r * c;
    y[i] = r * s;
  }
  for (int i = 0; i < lanes; ++i) {
    out[2 * i] = x[i];
    out[2 * i + 1] = y[i];
  }
}

// float: 32-bit uniforms, computed in double and rounded once, so that the tail reaches sqrt(2 ln 2^33) = 6.8.
constexpr double ulp32 = 0x1p-32;
inline double unit32(std::uint32_t w) { return (static_cast<double>(w) + 0.5) * ulp32; }

DEEPRMT_LEAF void fill_uniforms_loop(Stream stream, std::uint64_t block, float* out) {
  Bits b;
  philox_blocks(stream, block, b);
  // 23 bits and half a step: exact in float, never 0 or 1.
  for (int i = 0; i < lanes; ++i)
    for (int w = 0; w < 4; ++w) out[4 * i + w] = (static_cast<float>(b.word[w][i] >> 9) + 0.5f) * 0x1p-23f;
}

DEEPRMT_LEAF void fill_normals_loop(Stream stream, std::uint64_t block, float* out) {
  Bits b;
  philox_blocks(stream, block, b);
  alignas(64) float x[4][lanes];
  for (int i = 0; i < lanes; ++i)
    for (int w = 0; w < 4; w += 2) {
      double c, s;
      cos_sin_turn(unit32(b.word[w + 1][i]), c, s);
      const double r = std::sqrt(-2 * log_positive(unit32(b.word[w][i])));
      x[w][i] = static_cast<float>(r * c);
      x[w + 1][i] = static_cast<float>(r * s);
    }
  for (int i = 0; i < lanes; ++i)
    for (int w = 0; w < 4; ++w) out[4 * i + w] = x[w][i];
}

template <class T>
constexpr auto fill_uniforms = clones<static_cast<void (*)(Stream, std::uint64_t, T*)>(fill_uniforms_loop)>;
template <class T>
constexpr auto fill_normals = clones<static_cast<void (*)(Stream, std::uint64_t, T*)>(fill_normals_loop)>;

// Entries [start, start + n): whole batches straight into place, ragged ends through a buffer.
template <class T, class Fill>
void fill_range(std::uint64_t start, T* out, Index n, Fill fill) {
  constexpr std::uint64_t per_block = sizeof(T) == 8 ? 2 : 4;
  constexpr std::uint64_t batch = per_block * lanes;
  alignas(64) T buffer[batch];
  for (std::uint64_t at = start, end = start + n; at < end;) {
    const std::uint64_t begin = at / batch * batch, skip = at - begin;
    const std::uint64_t take = std::min(batch - skip, end - at);
    T* target = out + (at - start);
    if (take == batch) {
      fill(begin / per_block, target);
    } else {
      fill(begin / per_block, buffer);
      std::copy_n(buffer + skip, take, target);
    }
    at += take;
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t key) {
  Bits b;
  philox_blocks({key, counter[3], counter[2]}, (std::uint64_t{counter[1]} << 32) | counter[0], b);
  return {b.word[0][0], b.word[1][0], b.word[2][0], b.word[3][0]};
}

template <class T>
void normals(Stream stream, std::uint64_t start, T* out, Index n) {
  fill_range(start, out, n, [&](std::uint64_t block, T* to) { fill_normals<T>(stream, block, to); });
}

template <class T>
void uniforms(Stream stream, std::uint64_t start, T* out, Index n) {
  fill_range(start, out, n, [&](std::uint64_t block, T* to) { fill_uniforms<T>(stream, block, to); });
}

template <class T>
void normals(Stream stream, MatOut<T> out, T scale, int threads) {
  const Index cols = out.cols();
  if (cols == 0) return;
  if (out.outerStride() == cols) {  // one stretch: short rows would each draw a batch for themselves
    T* data = out.data();
    return parallel_ranges(out.size(), 65536, useful_threads(60.0 * static_cast<double>(out.size()), threads),
                           [&](Index begin, Index end) {
                             normals<T>(stream, static_cast<std::uint64_t>(begin), data + begin, end - begin);
                             if (scale != T(1))
                               for (Index i = begin; i < end; ++i) data[i] *= scale;
                           });
  }
  const Index grain = std::max<Index>(1, 65536 / cols);
  parallel_ranges(out.rows(), grain, useful_threads(60.0 * static_cast<double>(out.size()), threads),
                  [&](Index begin, Index end) {
                    for (Index r = begin; r < end; ++r) {
                      T* row = &out(r, 0);
                      normals<T>(stream, static_cast<std::uint64_t>(r) * cols, row, cols);
                      if (scale != T(1))
                        for (Index c = 0; c < cols; ++c) row[c] *= scale;
                    }
                  });
}

#define DEEPRMT_INSTANTIATE(T)                                 \
  template void normals<T>(Stream, std::uint64_t, T*, Index);  \
  template void uniforms<T>(Stream, std::uint64_t, T*, Index); \
  template void normals<T>(Stream, MatOut<T>, T, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt
