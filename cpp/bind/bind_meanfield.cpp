#include <pybind11/complex.h>

#include <array>
#include <complex>
#include <vector>

#include "bind.hpp"
#include "deeprmt/meanfield/nested_kernels.hpp"

namespace deeprmt::bind {
namespace {

using meanfield::NestedKernels;

py::dict as_dict(const NestedKernels::Report& report) {
  py::dict out;
  out["failed"] = report.failed;
  out["first_failure"] = report.first_failure;
  return out;
}

NestedKernels make(const Array<double>& values, const Array<double>& masses, double q0, double shift,
                   const std::vector<std::array<double, 4>>& layers) {
  std::vector<NestedKernels::Layer> each;
  for (const auto& layer : layers) each.push_back({layer[0], layer[1], layer[2], layer[3]});
  return {vector_view("values", values), vector_view("masses", masses), q0, shift, each};
}

py::tuple evaluate(const NestedKernels& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), cdf = empty<double>(in.size());
  const auto report = without_gil([&, p = vector_view_mut(density), f = vector_view_mut(cdf)]() mutable {
    return law.evaluate(in, p, f, threads);
  });
  return py::make_tuple(density, cdf, as_dict(report));
}

py::tuple stieltjes(const NestedKernels& law, const std::vector<std::complex<double>>& z, int threads) {
  std::vector<std::complex<double>> m;
  const auto report = without_gil([&] { return law.stieltjes(z, m, threads); });
  return py::make_tuple(py::array_t<std::complex<double>>(static_cast<py::ssize_t>(m.size()), m.data()),
                        as_dict(report));
}

}  // namespace

void bind_meanfield(py::module_ m) {
  py::class_<NestedKernels>(m, "NestedKernels", plain_class())
      .def(py::init(&make), "values"_a.noconvert(), "masses"_a.noconvert(), "q0"_a, "shift"_a, "layers"_a)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("stieltjes", &stieltjes, "z"_a, "threads"_a);
}

}  // namespace deeprmt::bind
