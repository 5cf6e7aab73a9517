// Cache lines as values, which leaf loops compute with: the compiler cuts them into the registers that the instruction
// set has.
#pragma once

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/types.hpp"

// How packs would be passed in calls is of no interest: all that takes them is inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace deeprmt::linalg {

/// Entries in a cache line.
template <class T>
inline constexpr Index pack = 64 / static_cast<Index>(sizeof(T));

/// A cache line.
template <class T>
using Pack [[gnu::vector_size(64), gnu::may_alias]] = T;

/// As many bytes at any address of a T.
template <class T>
using LoosePack [[gnu::vector_size(64), gnu::aligned(sizeof(T)), gnu::may_alias]] = T;

/// One register of so many bytes.
template <class T, int bytes>
struct Register {
  typedef T type __attribute__((vector_size(bytes), may_alias));
};

template <class T>
DEEPRMT_LEAF Pack<T>* packs_at(T* x) {
  return reinterpret_cast<Pack<T>*>(x);
}
template <class T>
DEEPRMT_LEAF const Pack<T>* packs_at(const T* x) {
  return reinterpret_cast<const Pack<T>*>(x);
}
template <class T>
DEEPRMT_LEAF LoosePack<T>& loose(T* x) {
  return *reinterpret_cast<LoosePack<T>*>(x);
}
template <class T>
DEEPRMT_LEAF const LoosePack<T>& loose(const T* x) {
  return *reinterpret_cast<const LoosePack<T>*>(x);
}

/// The sum of the entries of one pack, at any address, by halves.
template <class T>
DEEPRMT_LEAF T sum_at(const void* x) {
  T part[pack<T>];
  __builtin_memcpy(part, x, sizeof(part));
  for (Index half = pack<T> / 2; half > 0; half /= 2)
    for (Index l = 0; l < half; ++l) part[l] += part[l + half];
  return part[0];
}
template <class T>
DEEPRMT_LEAF T sum(const Pack<T>& x) {
  return sum_at<T>(&x);
}

}  // namespace deeprmt::linalg
