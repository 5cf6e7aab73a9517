#include <pybind11/complex.h>

#include <array>
#include <complex>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "deeprmt/meanfield/kernels.hpp"
#include "deeprmt/meanfield/nested_kernels.hpp"

namespace deeprmt::bind {
namespace {

using meanfield::NestedKernels;

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

using meanfield::KernelNetwork;

/// (ends, left, right) of KernelNetwork::Terms
using Terms = std::tuple<std::vector<Index>, Array<double>, Array<double>>;

KernelNetwork network_of(
    const std::string& kind, double below, double above, int order, double weight, double bias,
    const std::vector<double>& constants, const std::vector<double>& from_inputs,
    const std::vector<std::tuple<bool, Array<double>, Array<double>, Terms, Terms, Terms>>& tables) {
  using Kind = KernelNetwork::Kind;
  static const std::map<std::string, Kind> kinds = {
      {"ramp", Kind::ramp},     {"step", Kind::step}, {"power", Kind::power},   {"erf", Kind::erf},
      {"gelu", Kind::gelu},     {"sign", Kind::sign}, {"square", Kind::square}, {"cube", Kind::cube},
      {"bell", Kind::bell},     {"sine", Kind::sine}, {"cosine", Kind::cosine}, {"table", Kind::table},
      {"pieces", Kind::pieces},
  };
  const auto found = kinds.find(kind);
  check::that(found != kinds.end(), "infinite_kernels: no kind of activation is called ", kind);
  KernelNetwork out{found->second, below, above, order, weight, bias, constants, from_inputs, {}, {}};
  const auto terms = [](const Terms& of) {
    return KernelNetwork::Terms{std::get<0>(of), view("left", std::get<1>(of)), view("right", std::get<2>(of))};
  };
  for (const auto& [hermite, x_weights, y_weights, gap, apart, d] : tables)
    out.tables.push_back(
        {hermite, view("x_weights", x_weights), view("y_weights", y_weights), terms(gap), terms(apart), terms(d)});
  return out;
}

void set_pieces(KernelNetwork& network, const std::vector<double>& kinks, const std::vector<double>& bends,
                double level, double slope, double size,
                const std::vector<std::tuple<double, double, Array<double>, Array<double>, Array<double>>>& apart) {
  network.pieces = {kinks, bends, level, slope, size, {}};
  for (const auto& [low, high, series, x, y] : apart)
    network.pieces.apart.push_back({low, high, view("series", series), vector_view("x", x), vector_view("y", y)});
}

template <class T>
void infinite_kernels(const Array<T>& x_units, const Array<T>& y_units, const Array<T>& x, const Array<T>& y,
                      const std::array<Array<double>, 3>& of_x, const std::array<Array<double>, 3>& of_y,
                      const KernelNetwork& network, bool symmetric, Array<T>& k, Array<T>& theta, int threads) {
  const auto diagonals = [](const std::array<Array<double>, 3>& of) {
    return meanfield::KernelDiagonals{view("variances", of[0]), view("seconds", of[1]), view("slopes", of[2])};
  };
  const auto first = diagonals(of_x), second = diagonals(of_y);
  const auto a = view("x_units", x_units), b = view("y_units", y_units), c = view("x", x), d = view("y", y);
  check::that(k.ndim() == 2 && theta.ndim() == 2, "infinite_kernels: k and theta must be 2-D");
  without_gil([&, p = view_mut(k), q = view_mut(theta)]() mutable {
    meanfield::infinite_kernels<T>(a, b, c, d, first, second, network, symmetric, p, q, threads);
  });
}

}  // namespace

void bind_meanfield(py::module_ m) {
  py::class_<NestedKernels>(m, "NestedKernels", plain_class())
      .def(py::init(&make), "values"_a.noconvert(), "masses"_a.noconvert(), "q0"_a, "shift"_a, "layers"_a)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("stieltjes", &stieltjes, "z"_a, "threads"_a);
  py::class_<KernelNetwork>(m, "KernelNetwork", plain_class())
      .def(py::init(&network_of), "kind"_a, "below"_a, "above"_a, "order"_a, "weight"_a, "bias"_a, "constants"_a,
           "from_inputs"_a, "tables"_a)
      .def("set_pieces", &set_pieces, "kinks"_a, "bends"_a, "level"_a, "slope"_a, "size"_a, "apart"_a);
  for_types<float, double>([&]<class T>() {
    m.def("infinite_kernels", &infinite_kernels<T>, "x_units"_a.noconvert(), "y_units"_a.noconvert(), "x"_a.noconvert(),
          "y"_a.noconvert(), "of_x"_a, "of_y"_a, "network"_a, "symmetric"_a, "k"_a.noconvert(), "theta"_a.noconvert(),
          "threads"_a);
  });
}

}  // namespace deeprmt::bind
