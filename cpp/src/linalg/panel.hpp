// QR of a tall panel that fits into a core's cache: the serial part of every blocked reduction.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Real only. Reflectors of the columns of rows^T, rows (b, m), b <= m and b <= 64, as `factor_rows` wants them: on
/// return `vt` (b, m), which holds rows on entry, has the reflectors, `rows` what they leave (b entries, zero beyond
/// the diagonal, the rest is not touched), `t` (b, b), zero on entry, the triangular factor. On one thread.
///
/// Eight columns at a time, which pass through the cache once a column: while the last reflector updates the others,
/// their products with the next one are summed. Then the eight reflectors turn the other columns at once.
template <class T>
void factor_panel(MatOut<T> vt, MatOut<T> rows, MatOut<T> t);

}  // namespace deeprmt::linalg
