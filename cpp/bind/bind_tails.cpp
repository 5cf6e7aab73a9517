#include "bind.hpp"
#include "deeprmt/tails/alternatives.hpp"
#include "deeprmt/tails/double_bootstrap.hpp"
#include "deeprmt/tails/hill.hpp"
#include "deeprmt/tails/power_law.hpp"

namespace deeprmt::bind {
namespace {

py::tuple hill(const Array<double>& ascending, int threads) {
  const auto in = vector_view("ascending", ascending);
  const Index size = std::max<Index>(in.size() - 1, 0);
  auto xi = empty<double>(size), error = empty<double>(size);
  without_gil([&, a = vector_view_mut(xi), b = vector_view_mut(error)]() mutable { tails::hill(in, a, b, threads); });
  return py::make_tuple(xi, error);
}

tails::Distance distance(bool two_sided) { return two_sided ? tails::Distance::two_sided : tails::Distance::plfit; }

py::tuple fit_power_law(const Array<double>& ascending, bool two_sided, int threads) {
  const auto in = vector_view("ascending", ascending);
  const auto fit = without_gil([&] { return tails::fit_power_law(in, distance(two_sided), threads); });
  return py::make_tuple(fit.first, fit.alpha, fit.distance);
}

py::tuple fit_power_law_from(const Array<double>& ascending, double xmin, bool two_sided) {
  const auto in = vector_view("ascending", ascending);
  const auto fit = without_gil([&] { return tails::fit_power_law_from(in, xmin, distance(two_sided)); });
  return py::make_tuple(fit.alpha, fit.distance);
}

py::tuple power_law_bootstrap(const Array<double>& ascending, Index first, double xmin, double alpha, bool two_sided,
                              bool fixed, std::uint64_t key, Index samples, int threads) {
  const auto in = vector_view("ascending", ascending);
  auto distances = empty<double>(samples), alphas = empty<double>(samples);
  without_gil([&, a = vector_view_mut(distances), b = vector_view_mut(alphas)]() mutable {
    tails::power_law_bootstrap(in, first, xmin, alpha, distance(two_sided), fixed, key, a, b, threads);
  });
  return py::make_tuple(distances, alphas);
}

py::tuple power_law_bootstrap_count(const Array<double>& ascending, Index first, double xmin, double alpha,
                                    bool two_sided, std::uint64_t key, Index samples, double least, Index enough,
                                    int threads) {
  const auto in = vector_view("ascending", ascending);
  const auto found = without_gil([&] {
    return tails::power_law_bootstrap_count(in, first, xmin, alpha, distance(two_sided), key, samples, least, enough,
                                            threads);
  });
  return py::make_tuple(found.count, found.valid);
}

py::tuple fit_bent(const Array<double>& u, bool truncated) {
  const auto in = vector_view("u", u);
  auto log_density = empty<double>(in.size());
  const auto fit = without_gil([&, out = vector_view_mut(log_density)]() mutable {
    return truncated ? tails::fit_truncated(in, out) : tails::fit_lognormal(in, out);
  });
  return py::make_tuple(fit.theta, fit.kappa, fit.gain, log_density);
}

double stretched_shape(const Array<double>& u) {
  const auto in = vector_view("u", u);
  return without_gil([&] { return tails::stretched_shape(in); });
}

Array<double> bootstrap_criterion(const Array<double>& depth, Index size, Index resamples, std::uint64_t key,
                                  std::uint32_t part, int threads) {
  const auto in = vector_view("depth", depth);
  auto mean = empty<double>(std::max<Index>(size - 1, 0));
  without_gil([&, out = vector_view_mut(mean)]() mutable {
    tails::bootstrap_criterion(in, size, resamples, key, part, out, threads);
  });
  return mean;
}

}  // namespace

void bind_tails(py::module_ m) {
  m.def("hill", &hill, "ascending"_a.noconvert(), "threads"_a);
  m.def("fit_power_law", &fit_power_law, "ascending"_a.noconvert(), "two_sided"_a, "threads"_a);
  m.def("fit_power_law_from", &fit_power_law_from, "ascending"_a.noconvert(), "xmin"_a, "two_sided"_a);
  m.def("power_law_bootstrap", &power_law_bootstrap, "ascending"_a.noconvert(), "first"_a, "xmin"_a, "alpha"_a,
        "two_sided"_a, "fixed"_a, "key"_a, "samples"_a, "threads"_a);
  m.def("power_law_bootstrap_count", &power_law_bootstrap_count, "ascending"_a.noconvert(), "first"_a, "xmin"_a,
        "alpha"_a, "two_sided"_a, "key"_a, "samples"_a, "least"_a, "enough"_a, "threads"_a);
  m.def("fit_bent", &fit_bent, "u"_a.noconvert(), "truncated"_a);
  m.def("stretched_shape", &stretched_shape, "u"_a.noconvert());
  m.def("bootstrap_criterion", &bootstrap_criterion, "depth"_a.noconvert(), "size"_a, "resamples"_a, "key"_a, "part"_a,
        "threads"_a);
}

}  // namespace deeprmt::bind
