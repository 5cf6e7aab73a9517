#include <limits>
#include <vector>

#include "bind.hpp"
#include "deeprmt/linalg/chebyshev.hpp"
#include "deeprmt/linalg/eigh.hpp"
#include "deeprmt/linalg/entries.hpp"
#include "deeprmt/linalg/lanczos.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/product_svd.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "deeprmt/linalg/svd.hpp"
#include "deeprmt/linalg/tridiagonal.hpp"

namespace deeprmt::bind {
namespace {

template <class T>
Array<T> multiply(const Array<T>& a, const Array<T>& b, int threads) {
  const auto left = view("a", a), right = view("b", b);
  check::that(left.cols() == right.rows(), "multiply: a has ", left.cols(), " columns, b has ", right.rows(), " rows");
  auto out = empty<T>(left.rows(), right.cols());
  without_gil([&, c = view_mut(out)]() mutable { linalg::multiply<T>('N', 'N', 1, left, right, 0, c, threads); });
  return out;
}

/// a b^T, without a copy of b that lies the other way.
template <class T>
Array<T> multiply_transposed(const Array<T>& a, const Array<T>& b, int threads) {
  const auto left = view("a", a), right = view("b", b);
  check::that(left.cols() == right.cols(), "multiply_transposed: a has ", left.cols(), " columns, b has ",
              right.cols());
  auto out = empty<T>(left.rows(), right.rows());
  without_gil([&, c = view_mut(out)]() mutable { linalg::multiply<T>('N', 'T', 1, left, right, 0, c, threads); });
  return out;
}

/// Rows [begin, end) of a a^T, up to column `end`.
template <class T>
Array<T> multiply_itself(const Array<T>& a, Index begin, Index end, int threads) {
  const auto in = view("a", a);
  check::that(0 <= begin && begin <= end && end <= in.rows(), "multiply_itself: rows ", begin, " to ", end,
              " are none of ", in.rows());
  auto out = empty<T>(end - begin, end);
  without_gil([&, c = view_mut(out)]() mutable { linalg::multiply_itself<T>(in, begin, end, c, threads); });
  return out;
}

/// A stack of matrices (..., m, n), and what it holds.
template <class T>
struct Stack {
  Stack(const char* function, const Array<T>& a) : data(a.data()), shape(a.shape(), a.shape() + a.ndim()) {
    check::that(a.ndim() >= 2, function, ": a must have at least two axes, got ", a.ndim());
    n = shape.back();
    shape.pop_back();
    m = shape.back();
    shape.pop_back();
    for (const py::ssize_t each : shape) count *= each;
  }
  const T* data;
  std::vector<py::ssize_t> shape;  // without m and n
  Index count = 1, m, n;
};

template <class T>
void refuse_overflow(const char* function, const T* values, Index count) {
  for (Index i = 0; i < count; ++i)
    check::that(std::isfinite(values[i]), function, ": a must be so small that its ",
                function[0] == 'e' ? "eigen" : "singular ", "values stay below ", std::numeric_limits<T>::max(),
                ", but the largest overflows; scale a down");
}

/// (..., k) for a stack (...), filled by kernel(out as (count, k)); refuses values that became infinite.
template <class T, class Kernel>
Array<T> values_of(const char* function, Stack<T>& stack, Index k, const Kernel& kernel) {
  stack.shape.push_back(k);
  Array<T> out(stack.shape);
  T* data = out.mutable_data();
  without_gil([&] {
    kernel(Eigen::Map<Mat<T>>(data, stack.count, k));
    refuse_overflow<T>(function, data, stack.count * k);
  });
  return out;
}

template <class T>
Array<T> svdvals(const Array<T>& a, int threads) {
  Stack<T> stack("svdvals", a);
  return values_of("svdvals", stack, std::min(stack.m, stack.n),
                   [&](MatOut<T> s) { linalg::svdvals<T>(stack.data, stack.count, stack.m, stack.n, s, threads); });
}

template <class T>
py::tuple entry_sums(const Array<T>& a, double scale) {
  const auto in = view("a", a);
  auto rows = empty<double>(in.rows()), columns = empty<double>(in.cols());
  const double fourth = without_gil([&, r = vector_view_mut(rows), c = vector_view_mut(columns)]() mutable {
    return linalg::entry_sums<T>(in, scale, r, c);
  });
  return py::make_tuple(fourth, rows, columns);
}

template <class T>
T largest_magnitude(const Array<T>& a) {
  const auto in = view("a", a);
  return without_gil([&] { return linalg::largest_magnitude<T>(in.data(), in.size()); });
}

Array<double> svdvals_in_double(const Array<float>& a, int threads) {
  const auto in = view("a", a);
  auto out = empty<double>(std::min(in.rows(), in.cols()));
  without_gil([&, s = vector_view_mut(out)]() mutable { linalg::svdvals_in_double(in, s, threads); });
  return out;
}

template <class T>
Array<T> eigvalsh(const Array<T>& a, int threads) {
  Stack<T> stack("eigvalsh", a);
  check::that(stack.m == stack.n, "eigvalsh: a must be square, got (", stack.m, ", ", stack.n, ")");
  return values_of("eigvalsh", stack, stack.n,
                   [&](MatOut<T> values) { linalg::eigvalsh<T>(stack.data, stack.count, stack.n, values, threads); });
}

/// (..., rows, cols) for a stack (...).
template <class T>
Array<T> results_of(const Stack<T>& stack, Index rows, Index cols) {
  std::vector<py::ssize_t> shape = stack.shape;
  shape.insert(shape.end(), {rows, cols});
  return Array<T>(shape);
}
template <class T>
Array<T> results_of(const Stack<T>& stack, Index size) {
  std::vector<py::ssize_t> shape = stack.shape;
  shape.push_back(size);
  return Array<T>(shape);
}

template <class T>
py::tuple svd(const Array<T>& a, const std::vector<Index>& which, int threads) {
  const Stack<T> stack("svd", a);
  const Index count = static_cast<Index>(which.size());
  auto u = results_of(stack, stack.m, count), s = results_of(stack, count), vt = results_of(stack, count, stack.n);
  without_gil([&, ud = u.mutable_data(), sd = s.mutable_data(), vtd = vt.mutable_data()] {
    linalg::svd<T>(stack.data, stack.count, stack.m, stack.n, which, ud, sd, vtd, threads);
    refuse_overflow<T>("svd", sd, stack.count * count);
  });
  return py::make_tuple(u, s, vt);
}

template <class T>
py::tuple eigh(const Array<T>& a, const std::vector<Index>& which, int threads) {
  const Stack<T> stack("eigh", a);
  check::that(stack.m == stack.n, "eigh: a must be square, got (", stack.m, ", ", stack.n, ")");
  const Index count = static_cast<Index>(which.size());
  auto values = results_of(stack, count), vectors = results_of(stack, stack.n, count);
  without_gil([&, vd = values.mutable_data(), xd = vectors.mutable_data()] {
    linalg::eigh<T>(stack.data, stack.count, stack.n, which, vd, xd, threads);
    refuse_overflow<T>("eigh", vd, stack.count * count);
  });
  return py::make_tuple(values, vectors);
}

template <class T>
py::tuple qr(const Array<T>& a, int threads) {
  const auto in = view("a", a);
  const Index m = in.rows(), n = in.cols();
  check::that(m >= n, "qr: a must have at least as many rows as columns, got (", m, ", ", n, ")");
  auto q = empty<T>(m, n), r = empty<T>(n, n);
  without_gil([&, qm = view_mut(q), rm = view_mut(r)]() mutable {
    Mat<T> work = in;
    const auto blocks = linalg::factor<T>(work, true, threads);
    linalg::form_q<T>(blocks, qm, threads);
    rm = work.topRows(n).template triangularView<Eigen::Upper>();
  });
  return py::make_tuple(q, r);
}

template <class T>
Array<T> eigvals_tridiagonal(const Array<T>& diagonal, const Array<T>& off, int threads) {
  const auto d = view("diagonal", diagonal), e = view("off", off);
  auto out = empty<T>(d.rows(), d.cols());
  without_gil([&, values = view_mut(out)]() mutable { linalg::eigvals_tridiagonal<T>(d, e, values, threads); });
  return out;
}

template <class T>
void probes(std::uint64_t key, std::uint32_t first, bool gaussian, Array<T>& out, int threads) {
  check::that(out.ndim() == 2, "probes: out must be 2-D, got ", out.ndim(), "-D");
  without_gil([&, m = view_mut(out)]() mutable { linalg::probes<T>(key, first, gaussian, m, threads); });
}

/// (on_last, on_before, norm); basis (p, capacity, n) gets its new row, w (p, n) is overwritten.
template <class T>
py::tuple orthonormal_step(Array<T>& basis, Index used, Index last, Index before, Index next, Array<T>& w,
                           int threads) {
  check::that(basis.ndim() == 3 && w.ndim() == 2 && basis.shape(0) == w.shape(0) && basis.shape(2) == w.shape(1),
              "orthonormal_step: basis must be (p, capacity, n) and w (p, n)");
  const Index p = w.shape(0);
  auto on_last = empty<double>(p), on_before = empty<double>(p), norm = empty<double>(p);
  without_gil([&, data = basis.mutable_data(), capacity = basis.shape(1), m = view_mut(w), a = vector_view_mut(on_last),
               b = vector_view_mut(on_before), c = vector_view_mut(norm)]() mutable {
    linalg::orthonormal_step<T>(data, capacity, {used, last, before, next}, m, a, b, c, threads);
  });
  return py::make_tuple(on_last, on_before, norm);
}

/// (cross, square); previous becomes the next vectors.
template <class T>
py::tuple chebyshev_step(const Array<T>& w, const Array<T>& current, Array<T>& previous, T center, T half, int factor,
                         int threads) {
  const auto in = view("w", w), t = view("current", current);
  check::that(previous.ndim() == 2, "chebyshev_step: previous must be 2-D, got ", previous.ndim(), "-D");
  auto cross = empty<double>(in.rows()), square = empty<double>(in.rows());
  without_gil([&, m = view_mut(previous), a = vector_view_mut(cross), b = vector_view_mut(square)]() mutable {
    linalg::chebyshev_step<T>(in, t, m, center, half, factor, a, b, threads);
  });
  return py::make_tuple(cross, square);
}

template <class T>
py::tuple lyapunov_steps(const Array<T>& stack, const Array<T>& frame, int threads) {
  check::that(stack.ndim() == 3, "lyapunov_steps: stack must be 3-D, got ", stack.ndim(), "-D");
  const Index count = stack.shape(0), m = stack.shape(1), n = stack.shape(2);
  Mat<T> q = view("frame", frame);
  auto logs = empty<double>(count, q.cols());
  without_gil([&, out = view_mut(logs)]() mutable {
    q = linalg::lyapunov_steps<T>(stack.data(), count, m, n, std::move(q), out, threads);
  });
  auto next = empty<T>(q.rows(), q.cols());
  view_mut(next) = q;
  return py::make_tuple(next, logs);
}

void bind_log_product(py::module_& m) {
  using Product = linalg::LogProduct<double>;
  py::class_<Product>(m, "LogProduct", plain_class())
      .def(py::init<Index>(), "n_0"_a)
      .def_property_readonly("rows", &Product::rows)
      .def_property_readonly("rank", &Product::rank)
      .def(
          "push",
          [](Product& self, const Array<double>& stack, int threads) {
            check::that(stack.ndim() == 3, "LogProduct.push: stack must be 3-D, got ", stack.ndim(), "-D");
            const Index rows = stack.shape(1), cols = stack.shape(2);
            without_gil([&] {
              for (Index c = 0; c < stack.shape(0); ++c)
                self.push(Eigen::Map<const Mat<double>>(stack.data() + c * rows * cols, rows, cols), threads);
            });
          },
          "stack"_a.noconvert(), "threads"_a)
      .def(
          "log_values",
          [](const Product& self, int threads) {
            const Vec<double> values = without_gil([&] { return self.log_values(threads); });
            return Array<double>(values.size(), values.data());
          },
          "threads"_a);
}

}  // namespace

void bind_linalg(py::module_ m) {
  for_types<float, double>([&]<class T>() {
    m.def("svdvals", &svdvals<T>, "a"_a.noconvert(), "threads"_a);
    m.def("eigvalsh", &eigvalsh<T>, "a"_a.noconvert(), "threads"_a);
    m.def("eigvals_tridiagonal", &eigvals_tridiagonal<T>, "diagonal"_a.noconvert(), "off"_a.noconvert(), "threads"_a);
    m.def("qr", &qr<T>, "a"_a.noconvert(), "threads"_a);
    m.def("svd", &svd<T>, "a"_a.noconvert(), "which"_a, "threads"_a);
    m.def("eigh", &eigh<T>, "a"_a.noconvert(), "which"_a, "threads"_a);
    m.def("lyapunov_steps", &lyapunov_steps<T>, "stack"_a.noconvert(), "frame"_a.noconvert(), "threads"_a);
    m.def("multiply", &multiply<T>, "a"_a.noconvert(), "b"_a.noconvert(), "threads"_a);
    m.def("multiply_transposed", &multiply_transposed<T>, "a"_a.noconvert(), "b"_a.noconvert(), "threads"_a);
    m.def("multiply_itself", &multiply_itself<T>, "a"_a.noconvert(), "begin"_a, "end"_a, "threads"_a);
    m.def("probes", &probes<T>, "key"_a, "first"_a, "gaussian"_a, "out"_a.noconvert(), "threads"_a);
    m.def("orthonormal_step", &orthonormal_step<T>, "basis"_a.noconvert(), "used"_a, "last"_a, "before"_a, "next"_a,
          "w"_a.noconvert(), "threads"_a);
    m.def("chebyshev_step", &chebyshev_step<T>, "w"_a.noconvert(), "current"_a.noconvert(), "previous"_a.noconvert(),
          "center"_a, "half"_a, "factor"_a, "threads"_a);
  });
  for_types<float, double>([&]<class T>() {
    m.def("entry_sums", &entry_sums<T>, "a"_a.noconvert(), "scale"_a);
    m.def("largest_magnitude", &largest_magnitude<T>, "a"_a.noconvert());
  });
  m.def("svdvals_in_double", &svdvals_in_double, "a"_a.noconvert(), "threads"_a);
  bind_log_product(m);
}

}  // namespace deeprmt::bind
