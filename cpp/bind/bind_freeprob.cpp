#include <pybind11/complex.h>

#include <complex>
#include <vector>

#include "bind.hpp"
#include "deeprmt/freeprob/equal_layers.hpp"

namespace deeprmt::bind {
namespace {

using freeprob::EqualLayers;

py::dict as_dict(const EqualLayers::Report& report) {
  py::dict out;
  out["failed"] = report.failed;
  out["first_failure"] = report.first_failure;
  return out;
}

EqualLayers make(const Array<double>& d, const Array<double>& weights, const Array<double>& ranges, Index levels,
                 Index diagonals, Index gaussians, double log_scale) {
  const auto nodes = view("d", d), masses = view("weights", weights), ends = view("ranges", ranges);
  return without_gil([&] {
    return EqualLayers(freeprob::SquaredSlopes(nodes, masses, ends, levels), diagonals, gaussians, log_scale);
  });
}

py::tuple evaluate(const EqualLayers& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), cdf = empty<double>(in.size());
  const auto report = without_gil([&, p = vector_view_mut(density), f = vector_view_mut(cdf)]() mutable {
    return law.evaluate(in, p, f, threads);
  });
  return py::make_tuple(density, cdf, as_dict(report));
}

py::tuple resolvent(const EqualLayers& law, const std::vector<std::complex<double>>& z, int threads) {
  std::vector<std::complex<double>> g;
  const auto report = without_gil([&] { return law.resolvent(z, g, threads); });
  return py::make_tuple(py::array_t<std::complex<double>>(static_cast<py::ssize_t>(g.size()), g.data()),
                        as_dict(report));
}

py::list gaps(const EqualLayers& law) {
  py::list out;
  for (const auto& gap : law.gaps()) out.append(py::make_tuple(gap.low, gap.high, gap.cdf));
  return out;
}

}  // namespace

void bind_freeprob(py::module_ m) {
  py::class_<EqualLayers>(m, "EqualLayers", plain_class())
      .def(py::init(&make), "d"_a.noconvert(), "weights"_a.noconvert(), "ranges"_a.noconvert(), "levels"_a,
           "diagonals"_a, "gaussians"_a, "log_scale"_a)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("resolvent", &resolvent, "z"_a, "threads"_a)
      .def("gaps", &gaps);
}

}  // namespace deeprmt::bind
