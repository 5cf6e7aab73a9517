#include <pybind11/complex.h>

#include <complex>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "deeprmt/freeprob/pencil.hpp"

namespace deeprmt::bind {
namespace {

using freeprob::LetterLaw;
using freeprob::Panels;
using freeprob::Pencil;
using Complex = std::complex<double>;

LetterLaw general(const Array<double>& locations, const Array<double>& masses, const Array<double>& intervals,
                  std::vector<std::vector<double>> series,
                  const std::vector<std::tuple<std::shared_ptr<Panels>, double, bool>>& panels) {
  std::vector<LetterLaw::Part> parts;
  for (const auto& [each, origin, mirrored] : panels) parts.push_back({each, origin, mirrored});
  return LetterLaw::general(vector_view("locations", locations), vector_view("masses", masses),
                            view("intervals", intervals), std::move(series), std::move(parts));
}

Pencil make(const Array<Complex>& constant, const std::vector<Array<Complex>>& frames,
            const std::vector<Array<Complex>>& cores, const std::vector<LetterLaw>& laws, double reach) {
  std::vector<Mat<Complex>> u, s;
  for (const auto& each : frames) u.emplace_back(view("frames", each));
  for (const auto& each : cores) s.emplace_back(view("cores", each));
  Mat<Complex> c = view("constant", constant);
  return without_gil([&] { return Pencil(std::move(c), std::move(u), std::move(s), laws, reach); });
}

Pencil descended(const Pencil& pencil) {
  return without_gil([&] {
    Pencil out = pencil;
    out.descend();
    return out;
  });
}

py::tuple evaluate(const Pencil& pencil, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), cdf = empty<double>(in.size()), bulk = empty<double>(in.size());
  const auto report =
      without_gil([&, p = vector_view_mut(density), f = vector_view_mut(cdf), b = vector_view_mut(bulk)]() mutable {
        return pencil.evaluate(in, p, f, b, threads);
      });
  return py::make_tuple(density, cdf, bulk, as_dict(report));
}

py::tuple resolvent(const Pencil& pencil, const std::vector<Complex>& z, int threads) {
  std::vector<Complex> g;
  const auto report = without_gil([&] { return pencil.resolvent(z, g, threads); });
  return py::make_tuple(py::array_t<Complex>(static_cast<py::ssize_t>(g.size()), g.data()), as_dict(report));
}

}  // namespace

void bind_pencil(py::module_ m) {
  py::class_<LetterLaw>(m, "LetterLaw", plain_class())
      .def_static("semicircle", &LetterLaw::semicircle, "variance"_a)
      .def_static("poisson", &LetterLaw::poisson, "mean"_a, "jump"_a)
      .def_static("general", &general, "locations"_a.noconvert(), "masses"_a.noconvert(), "intervals"_a.noconvert(),
                  "series"_a, "panels"_a = py::tuple());
  py::class_<Pencil>(m, "Pencil", plain_class())
      .def(py::init(&make), "constant"_a, "frames"_a, "cores"_a, "laws"_a, "reach"_a)
      .def("descended", &descended)
      .def_property_readonly("reached", &Pencil::reached)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("resolvent", &resolvent, "z"_a, "threads"_a)
      .def_property_readonly("unknowns", &Pencil::unknowns);
}

}  // namespace deeprmt::bind
