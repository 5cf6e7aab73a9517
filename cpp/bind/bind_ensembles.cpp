#include <pybind11/complex.h>

#include <complex>
#include <memory>

#include "bind.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/ensembles/beta.hpp"
#include "deeprmt/ensembles/gaussian.hpp"
#include "deeprmt/ensembles/gaussian_operator.hpp"
#include "deeprmt/ensembles/haar.hpp"

namespace deeprmt::bind {
namespace {

/// Fills each matrix of `out` (count, m, n) from its own sample of the key.
template <class T, class Draw>
void fill_stack(Array<T>& out, std::uint64_t key, int threads, const Draw& draw) {
  check::that(out.ndim() == 3, "out must be 3-D, got ", out.ndim(), "-D");
  const Index count = out.shape(0), m = out.shape(1), n = out.shape(2);
  T* data = out.mutable_data();
  without_gil([&] {
    parallel_samples(count, threads, false, [&](Index c, int inner_threads) {
      const Eigen::Map<Mat<T>> matrix(data + c * m * n, m, n);
      draw(Stream{key, static_cast<std::uint32_t>(c), 0}, matrix, inner_threads);
    });
  });
}

/// A product with a Haar matrix in place, from the left or the right ("L" or "R").
template <class T, class Apply>
void apply_in_place(Array<T>& x, const Apply& apply) {
  check::that(x.ndim() == 2, "x must be 2-D, got ", x.ndim(), "-D");
  auto matrix = view_mut(x);
  without_gil([&] { apply(matrix); });
}

template <class T>
void bind_reflectors(py::module_& m, const char* name) {
  using Reflectors = ensembles::HaarReflectors<T>;
  py::class_<Reflectors>(m, name, plain_class())
      .def(py::init([](std::uint64_t key, Index n, int threads) {
             return without_gil([&] { return std::make_unique<Reflectors>(Stream{key, 0, 0}, n, threads); });
           }),
           "key"_a, "n"_a, "threads"_a)
      .def(
          "apply",
          [](const Reflectors& self, char side, char op, Array<T>& x, int threads) {
            apply_in_place<T>(x, [&](MatOut<T> matrix) {
              side == 'L' ? self.apply_left(op, matrix, threads) : self.apply_right(op, matrix, threads);
            });
          },
          "side"_a, "op"_a, "x"_a.noconvert(), "threads"_a);
}

}  // namespace

void bind_ensembles(py::module_ m) {
  for_types<float, double>([&]<class T>() {
    m.def(
        "hermite_eigenvalues",
        [](std::uint64_t key, double beta, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, [&](Stream stream, MatOut<T> values, int inner_threads) {
            ensembles::hermite_eigenvalues<T>(stream, beta, values, inner_threads);
          });
        },
        "key"_a, "beta"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "laguerre_eigenvalues",
        [](std::uint64_t key, double n, double beta, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, [&](Stream stream, MatOut<T> values, int inner_threads) {
            ensembles::laguerre_eigenvalues<T>(stream, n, beta, values, inner_threads);
          });
        },
        "key"_a, "n"_a, "beta"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "jacobi_eigenvalues",
        [](std::uint64_t key, double a, double b, double beta, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, [&](Stream stream, MatOut<T> values, int inner_threads) {
            ensembles::jacobi_eigenvalues<T>(stream, a, b, beta, values, inner_threads);
          });
        },
        "key"_a, "a"_a, "b"_a, "beta"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "ginibre",
        [](std::uint64_t key, T sigma, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, [&](Stream stream, MatOut<T> matrix, int inner_threads) {
            ensembles::ginibre<T>(stream, sigma, matrix, inner_threads);
          });
        },
        "key"_a, "sigma"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "goe",
        [](std::uint64_t key, Array<T>& out, int threads) { fill_stack<T>(out, key, threads, &ensembles::goe<T>); },
        "key"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "wishart",
        [](std::uint64_t key, Index n, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, [&](Stream stream, MatOut<T> matrix, int inner_threads) {
            ensembles::wishart<T>(stream, n, matrix, inner_threads);
          });
        },
        "key"_a, "n"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "gaussian_apply",
        [](std::uint64_t key, T sigma, Index m, Index n, bool transpose, const Array<T>& x, int threads) {
          const auto in = view("x", x);
          auto out = empty<T>(transpose ? n : m, in.cols());
          without_gil([&, y = view_mut(out)]() mutable {
            ensembles::gaussian_apply<T>({key, 0, 0}, sigma, m, n, transpose, in, y, threads);
          });
          return out;
        },
        "key"_a, "sigma"_a, "m"_a, "n"_a, "transpose"_a, "x"_a.noconvert(), "threads"_a);
    m.def(
        "gue",
        [](std::uint64_t key, Array<std::complex<T>>& out, int threads) {
          fill_stack<std::complex<T>>(out, key, threads, &ensembles::gue<T>);
        },
        "key"_a, "out"_a.noconvert(), "threads"_a);
  });
  m.def("wishart_block", &ensembles::wishart_block, "m"_a, "n"_a);
  for_types<float, double, std::complex<float>, std::complex<double>>([&]<class T>() {
    m.def(
        "haar",
        [](std::uint64_t key, bool by_qr, Array<T>& out, int threads) {
          fill_stack<T>(out, key, threads, by_qr ? &ensembles::haar_by_qr<T> : &ensembles::haar<T>);
        },
        "key"_a, "by_qr"_a, "out"_a.noconvert(), "threads"_a);
    m.def(
        "haar_apply",
        [](std::uint64_t key, char side, char op, Array<T>& x, int threads) {
          apply_in_place<T>(x, [&](MatOut<T> matrix) {
            (side == 'L' ? ensembles::haar_apply_left<T> : ensembles::haar_apply_right<T>)({key, 0, 0}, op, matrix,
                                                                                           threads);
          });
        },
        "key"_a, "side"_a, "op"_a, "x"_a.noconvert(), "threads"_a);
  });
  bind_reflectors<float>(m, "HaarReflectorsFloat32");
  bind_reflectors<double>(m, "HaarReflectorsFloat64");
  bind_reflectors<std::complex<float>>(m, "HaarReflectorsComplex64");
  bind_reflectors<std::complex<double>>(m, "HaarReflectorsComplex128");
}

}  // namespace deeprmt::bind
