#include <pybind11/complex.h>

#include <complex>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "deeprmt/freeprob/atom_sums.hpp"
#include "deeprmt/freeprob/explicit_law.hpp"
#include "deeprmt/freeprob/panels.hpp"
#include "deeprmt/freeprob/power_series.hpp"
#include "deeprmt/freeprob/subordination.hpp"

namespace deeprmt::bind {
namespace {

using freeprob::ExplicitLaw;
using freeprob::Panels;
using freeprob::SquaredSlopes;
using freeprob::Subordination;

std::shared_ptr<SquaredSlopes> make_slopes(const Array<double>& d, const Array<double>& weights,
                                           const Array<double>& ranges, Index levels) {
  const auto nodes = view("d", d), masses = view("weights", weights), ends = view("ranges", ranges);
  return without_gil([&] { return std::make_shared<SquaredSlopes>(nodes, masses, ends, levels); });
}

py::tuple moments(const SquaredSlopes& law, std::complex<double> omega) {
  check::that(omega.imag() >= 0, "moments: omega must not lie below the real axis, got ", omega);
  const auto m = law.moments(law.at(omega));
  return py::make_tuple(m.y, m.one_plus_y, m.slope, law.mean_argument(law.at(omega)));
}

/// ("scale", log), ("pole", a, power), ("jump", flat, power, width), ("flow", smooth, jumps), ("slopes", law, power,
/// width) or ("affine", factor, offset).
ExplicitLaw::Step as_step(const py::tuple& given) {
  check::that(given.size() >= 2, "ExplicitLaw: a step must have a name and arguments");
  const auto name = given[0].cast<std::string>();
  const auto number = [&](std::size_t i) {
    check::that(i < given.size(), "ExplicitLaw: the step '", name, "' lacks arguments");
    return given[i].cast<double>();
  };
  if (name == "scale") return ExplicitLaw::Scale{number(1)};
  if (name == "pole") return ExplicitLaw::Pole{number(1), number(2)};
  if (name == "jump") return ExplicitLaw::Jump{number(1), number(2), number(3)};
  if (name == "flow") return ExplicitLaw::Flow{number(1), number(2)};
  if (name == "slopes")
    return ExplicitLaw::Slopes{given[1].cast<std::shared_ptr<SquaredSlopes>>(), number(2), number(3)};
  check::that(name == "affine",
              "ExplicitLaw: a step must be 'scale', 'pole', 'jump', 'flow', 'slopes' or 'affine', got '", name, "'");
  return ExplicitLaw::Affine{number(1), number(2)};
}

ExplicitLaw make(const std::vector<py::tuple>& steps, const std::vector<std::pair<double, double>>& atoms,
                 bool ends_at_last_atom) {
  std::vector<ExplicitLaw::Step> chain;
  for (const auto& step : steps) chain.push_back(as_step(step));
  std::vector<ExplicitLaw::Atom> known;
  for (const auto& [location, mass] : atoms) known.push_back({location, mass});
  return without_gil([&] { return ExplicitLaw(chain, known, ends_at_last_atom); });
}

py::tuple evaluate(const ExplicitLaw& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), cdf = empty<double>(in.size());
  const auto report = without_gil([&, p = vector_view_mut(density), f = vector_view_mut(cdf)]() mutable {
    return law.evaluate(in, p, f, threads);
  });
  return py::make_tuple(density, cdf, as_dict(report));
}

py::tuple density(const ExplicitLaw& law, const Array<double>& x, int threads) {
  const auto in = vector_view("x", x);
  auto density = empty<double>(in.size()), none = empty<double>(0);
  const auto report = without_gil([&, p = vector_view_mut(density), f = vector_view_mut(none)]() mutable {
    return law.evaluate(in, p, f, threads);
  });
  return py::make_tuple(density, as_dict(report));
}

py::tuple resolvent(const ExplicitLaw& law, const std::vector<std::complex<double>>& z, int threads) {
  std::vector<std::complex<double>> g;
  const auto report = without_gil([&] { return law.resolvent(z, g, threads); });
  return py::make_tuple(py::array_t<std::complex<double>>(static_cast<py::ssize_t>(g.size()), g.data()),
                        as_dict(report));
}

py::list gaps(const ExplicitLaw& law) {
  py::list out;
  for (const auto& gap : law.gaps()) out.append(py::make_tuple(gap.low, gap.high, gap.cdf));
  return out;
}

py::tuple atom_sums(const Array<double>& at, const Array<double>& mass, const Array<std::complex<double>>& w,
                    int threads) {
  const auto places = vector_view("at", at), masses = vector_view("mass", mass);
  const auto points = vector_view("w", w);
  auto g = empty<std::complex<double>>(points.size()), slope = empty<std::complex<double>>(points.size());
  without_gil([&, a = vector_view_mut(g), b = vector_view_mut(slope)]() mutable {
    freeprob::atom_sums(places, masses, points, a, b, threads);
  });
  return py::make_tuple(g, slope);
}

Array<double> atom_arguments(const Array<double>& at, const Array<double>& mass, const Array<std::complex<double>>& w,
                             int threads) {
  const auto places = vector_view("at", at), masses = vector_view("mass", mass);
  const auto points = vector_view("w", w);
  auto out = empty<double>(points.size());
  without_gil(
      [&, o = vector_view_mut(out)]() mutable { freeprob::atom_arguments(places, masses, points, o, threads); });
  return out;
}

py::tuple power_series(const Array<double>& f, const Array<std::complex<double>>& v, int threads) {
  const auto coefficients = vector_view("f", f);
  const auto points = vector_view("v", v);
  auto value = empty<std::complex<double>>(points.size()), slope = empty<std::complex<double>>(points.size());
  without_gil([&, a = vector_view_mut(value), b = vector_view_mut(slope)]() mutable {
    freeprob::power_series(coefficients, points, a, b, threads);
  });
  return py::make_tuple(value, slope);
}

std::shared_ptr<Panels> make_panels(const Array<double>& low, const Array<double>& high, const Array<double>& series) {
  const auto first = vector_view("low", low), last = vector_view("high", high);
  const auto rows = view("series", series);
  return without_gil([&] { return std::make_shared<Panels>(first, last, rows); });
}

py::tuple sums(const Panels& panels, const Array<std::complex<double>>& w, int threads) {
  const auto points = vector_view("w", w);
  auto value = empty<std::complex<double>>(points.size()), slope = empty<std::complex<double>>(points.size());
  without_gil(
      [&, a = vector_view_mut(value), b = vector_view_mut(slope)]() mutable { panels.sums(points, a, b, threads); });
  return py::make_tuple(value, slope);
}

Array<double> arguments(const Panels& panels, const Array<std::complex<double>>& w, int threads) {
  const auto points = vector_view("w", w);
  auto out = empty<double>(points.size());
  without_gil([&, o = vector_view_mut(out)]() mutable { panels.arguments(points, o, threads); });
  return out;
}

Subordination make_subordination(bool product, const std::vector<std::tuple<double, double, double, double>>& known,
                                 double scale) {
  std::vector<Subordination::Explicit> laws;
  for (const auto& [jump, s2, mean, power] : known) laws.push_back({jump, s2, mean, power});
  return {product, std::move(laws), scale};
}

void add_atoms(Subordination& equations, const Array<double>& at, const Array<double>& mass, double power) {
  equations.add(vector_view("at", at), vector_view("mass", mass), power);
}

py::tuple newton(const Subordination& equations, const Array<std::complex<double>>& place,
                 const Array<std::complex<double>>& c, const Array<std::complex<double>>& p, int steps, int threads) {
  const auto goals = vector_view("place", place), first = vector_view("c", c);
  const auto start = view("p", p);
  auto out_c = empty<std::complex<double>>(first.size());
  auto out_p = empty<std::complex<double>>(start.rows(), start.cols());
  auto good = empty<double>(goals.size());
  const auto count =
      without_gil([&, a = vector_view_mut(out_c), b = view_mut(out_p), ok = vector_view_mut(good)]() mutable {
        a = first;
        b = start;
        return equations.newton(goals, a, b, ok, steps, threads);
      });
  return py::make_tuple(out_c, out_p, good, count);
}

Array<double> on_gap(const Subordination& equations, double low, double high, double far, const Array<double>& s,
                     int threads) {
  const auto places = vector_view("s", s);
  auto out = empty<double>(3, places.size());
  without_gil([&, o = view_mut(out)]() mutable { equations.on_gap({low, high, far}, places, o, threads); });
  return out;
}

Array<double> where(const Subordination& equations, double low, double high, double far, const Array<double>& s,
                    const Array<double>& c, const Array<double>& rate, const Array<double>& goal, int threads) {
  const auto places = vector_view("s", s), values = vector_view("c", c), rates = vector_view("rate", rate);
  const auto goals = vector_view("goal", goal);
  auto out = empty<double>(4, goals.size());
  without_gil([&, o = view_mut(out)]() mutable {
    equations.where({low, high, far}, places, values, rates, goals, o, threads);
  });
  return out;
}

}  // namespace

void bind_freeprob(py::module_ m) {
  m.def("atom_sums", &atom_sums, "at"_a.noconvert(), "mass"_a.noconvert(), "w"_a.noconvert(), "threads"_a);
  m.def("atom_arguments", &atom_arguments, "at"_a.noconvert(), "mass"_a.noconvert(), "w"_a.noconvert(), "threads"_a);
  py::class_<SquaredSlopes, std::shared_ptr<SquaredSlopes>>(m, "SquaredSlopes", plain_class())
      .def(py::init(&make_slopes), "d"_a.noconvert(), "weights"_a.noconvert(), "ranges"_a.noconvert(), "levels"_a)
      .def("moments", &moments, "omega"_a)
      .def("keep_series", &SquaredSlopes::keep_series);
  py::class_<ExplicitLaw>(m, "ExplicitLaw", plain_class())
      .def(py::init(&make), "steps"_a, "atoms"_a, "ends_at_last_atom"_a)
      .def("evaluate", &evaluate, "x"_a.noconvert(), "threads"_a)
      .def("density", &density, "x"_a.noconvert(), "threads"_a)
      .def("resolvent", &resolvent, "z"_a, "threads"_a)
      .def("gaps", &gaps);
  m.def("power_series", &power_series, "f"_a.noconvert(), "v"_a.noconvert(), "threads"_a);
  py::class_<Panels, std::shared_ptr<Panels>>(m, "Panels", plain_class())
      .def(py::init(&make_panels), "low"_a.noconvert(), "high"_a.noconvert(), "series"_a.noconvert())
      .def_property_readonly("mass", &Panels::mass)
      .def("sums", &sums, "w"_a.noconvert(), "threads"_a)
      .def("arguments", &arguments, "w"_a.noconvert(), "threads"_a);
  py::class_<Subordination>(m, "Subordination", plain_class())
      .def(py::init(&make_subordination), "product"_a, "known"_a, "scale"_a)
      .def("add", &add_atoms, "at"_a.noconvert(), "mass"_a.noconvert(), "power"_a)
      .def("newton", &newton, "place"_a.noconvert(), "c"_a.noconvert(), "p"_a.noconvert(), "steps"_a, "threads"_a)
      .def("on_gap", &on_gap, "low"_a, "high"_a, "far"_a, "s"_a.noconvert(), "threads"_a)
      .def("where", &where, "low"_a, "high"_a, "far"_a, "s"_a.noconvert(), "c"_a.noconvert(), "rate"_a.noconvert(),
           "goal"_a.noconvert(), "threads"_a);
  bind_pencil(m);
}

}  // namespace deeprmt::bind
