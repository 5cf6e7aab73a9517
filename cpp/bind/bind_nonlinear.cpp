#include <pybind11/complex.h>

#include <complex>
#include <vector>

#include "bind.hpp"
#include "deeprmt/nonlinear/gram_law.hpp"
#include "deeprmt/nonlinear/gram_matrix.hpp"

namespace deeprmt::bind {
namespace {

/// A Python function of an array as the kernel calls it, from any thread: takes the GIL for the length of a NumPy call,
/// which gives it back while it computes.
template <class T>
nonlinear::Entrywise<T> entrywise(const py::object& f) {
  return [&f](T* entries, Index count) {
    const py::gil_scoped_acquire gil;
    const py::object quiet = py::module_::import("numpy").attr("errstate")("all"_a = "ignore");
    quiet.attr("__enter__")();
    const auto leave = [&] { quiet.attr("__exit__")(py::none(), py::none(), py::none()); };
    try {
      const Array<T> given(count, entries);
      const Array<T> values = py::array_t < T, py::array::c_style | py::array::forcecast > (f(given));
      check::that(values.ndim() == 1 && values.shape(0) == count, "gram_matrix: f must return as many values (", count,
                  ") as it is given");
      std::copy_n(values.data(), count, entries);
    } catch (...) {
      leave();
      throw;
    }
    leave();
  };
}

template <class T>
void gram_matrix(std::uint64_t key, std::uint32_t sample, Index n_0, Index n_1, Index m, double scale, bool samples,
                 const py::object& f, Array<T>& out, int threads) {
  const auto side = samples ? nonlinear::Side::samples : nonlinear::Side::features;
  const auto each = entrywise<T>(f);
  without_gil([&, to = view_mut(out)]() mutable {
    nonlinear::gram_matrix<T>({key, sample, 0}, n_0, n_1, m, static_cast<T>(scale), side, each, to, threads);
  });
}

template <class T>
Array<T> gram(const Array<T>& y, double alpha, int threads) {
  const auto in = view("y", y);
  auto out = empty<T>(in.cols(), in.cols());
  without_gil([&, to = view_mut(out)]() mutable {
    nonlinear::add_gram<T>(in, static_cast<T>(alpha), 0, to, threads);
    nonlinear::mirror<T>(to, threads);
  });
  return out;
}

using nonlinear::GramLaw;

/// centres: pairs (high, low) for Y near infinity, 0 and zeta.
GramLaw make_gram_law(double zeta, double rest, double phi, double psi, const std::array<double, 6>& c) {
  return GramLaw(zeta, rest, phi, psi, {{c[0], c[1]}, {c[2], c[3]}, {c[4], c[5]}});
}

py::tuple evaluate(const GramLaw& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), cdf = empty<double>(in.size()), sf = empty<double>(in.size());
  const auto report = without_gil([&, p = vector_view_mut(density), f = vector_view_mut(cdf),
                                   s = vector_view_mut(sf)]() mutable { return law.evaluate(in, p, f, s, threads); });
  return py::make_tuple(density, cdf, sf, as_dict(report));
}

py::tuple resolvent(const GramLaw& law, const std::vector<std::complex<double>>& z, int threads) {
  std::vector<std::complex<double>> g;
  const auto report = without_gil([&] { return law.resolvent(z, g, threads); });
  return py::make_tuple(py::array_t<std::complex<double>>(static_cast<py::ssize_t>(g.size()), g.data()),
                        as_dict(report));
}

}  // namespace

void bind_nonlinear(py::module_ m) {
  for_types<float, double>([&]<class T> {
    m.def("gram_matrix", &gram_matrix<T>, "key"_a, "sample"_a, "n_0"_a, "n_1"_a, "m"_a, "scale"_a, "samples"_a, "f"_a,
          "out"_a.noconvert(), "threads"_a);
    m.def("gram", &gram<T>, "y"_a.noconvert(), "alpha"_a, "threads"_a);
  });
  py::class_<GramLaw>(m, "GramLaw", plain_class())
      .def(py::init(&make_gram_law), "zeta"_a, "rest"_a, "phi"_a, "psi"_a, "centres"_a)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("resolvent", &resolvent, "z"_a, "threads"_a);
  m.def("panel_rows", &nonlinear::panel_rows, "order"_a, "other"_a, "n_0"_a);
}

}  // namespace deeprmt::bind
