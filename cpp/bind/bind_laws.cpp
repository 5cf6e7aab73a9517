#include <pybind11/complex.h>

#include <complex>

#include "bind.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/laws/cauchy_sum.hpp"
#include "deeprmt/laws/marchenko_pastur.hpp"
#include "deeprmt/laws/semicircle.hpp"

namespace deeprmt::bind {
namespace {

/// A member function of a law on each entry of a 1-D array.
template <class Law, double (Law::*method)(double) const>
Array<double> each(const Law& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto out = empty<double>(in.size());
  without_gil([&, res = vector_view_mut(out)]() mutable {
    parallel_ranges(in.size(), 4096, threads, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) res[i] = (law.*method)(in[i]);
    });
  });
  return out;
}

template <class Law>
py::class_<Law> bind_law(py::module_& m, const char* name) {
  return py::class_<Law>(m, name, plain_class())
      .def("pdf", &each<Law, &Law::pdf>, "x"_a.noconvert(), "threads"_a)
      .def("cdf", &each<Law, &Law::cdf>, "x"_a.noconvert(), "threads"_a)
      .def("sf", &each<Law, &Law::sf>, "x"_a.noconvert(), "threads"_a);
}

using Complex = std::complex<double>;

Array<Complex> cauchy_sum(const Array<double>& locations, const Array<double>& masses, const Array<Complex>& z,
                          int power, int threads) {
  const auto x = vector_view("locations", locations), p = vector_view("masses", masses);
  const auto points = vector_view("z", z);
  auto out = empty<Complex>(points.size());
  without_gil([&, res = vector_view_mut(out)]() mutable { laws::cauchy_sum(x, p, points, power, res, threads); });
  return out;
}

}  // namespace

void bind_laws(py::module_ m) {
  using laws::MarchenkoPastur, laws::Semicircle;
  bind_law<Semicircle>(m, "Semicircle").def(py::init<double>(), "sigma"_a);
  bind_law<MarchenkoPastur>(m, "MarchenkoPastur")
      .def(py::init<double, double, bool>(), "aspect"_a, "sigma"_a, "singular"_a)
      .def_property_readonly("low", &MarchenkoPastur::low)
      .def_property_readonly("high", &MarchenkoPastur::high);
  m.def("cauchy_sum", &cauchy_sum, "locations"_a.noconvert(), "masses"_a.noconvert(), "z"_a.noconvert(), "power"_a,
        "threads"_a);
}

}  // namespace deeprmt::bind
