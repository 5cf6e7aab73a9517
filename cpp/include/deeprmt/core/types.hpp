// Matrix types: row-major, as NumPy lays arrays out, so that nothing is copied at the boundary.
#pragma once

#include <Eigen/Core>

namespace deeprmt {

using Index = Eigen::Index;

template <class T>
using Mat = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vec = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// A view of a row-major matrix whose rows may lie further apart than they are long.
template <class T>
using MatIn = Eigen::Ref<const Mat<T>, 0, Eigen::OuterStride<>>;
template <class T>
using MatOut = Eigen::Ref<Mat<T>, 0, Eigen::OuterStride<>>;
template <class T>
using VecIn = Eigen::Ref<const Vec<T>>;
template <class T>
using VecOut = Eigen::Ref<Vec<T>>;

}  // namespace deeprmt
