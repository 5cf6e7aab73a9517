#include "bind.hpp"
#include "deeprmt/spectra/number_variance.hpp"
#include "deeprmt/spectra/ratio.hpp"
#include "deeprmt/spectra/rigidity.hpp"
#include "deeprmt/spectra/unfold.hpp"

namespace deeprmt::bind {
namespace {

template <class T>
Array<T> spacing_ratio(const Array<T>& levels, int threads) {
  const auto in = view("levels", levels);
  auto out = empty<T>(in.rows(), std::max<Index>(in.cols() - 2, 0));
  without_gil([&, res = view_mut(out)]() mutable { spectra::spacing_ratio<T>(in, res, threads); });
  return out;
}

Array<double> unfold_gaussian(const Array<double>& levels, Index window, int threads) {
  const auto in = view("levels", levels);
  auto out = empty<double>(in.rows(), in.cols());
  without_gil([&, res = view_mut(out)]() mutable { spectra::unfold_gaussian(in, res, window, threads); });
  return out;
}

py::tuple number_variance(const Array<double>& levels, const Array<double>& lengths, Index pieces, int threads) {
  const auto in = view("levels", levels);
  const auto at = vector_view("lengths", lengths);
  auto first = empty<double>(in.rows(), at.size() * pieces), second = empty<double>(in.rows(), at.size() * pieces);
  without_gil([&, a = view_mut(first), b = view_mut(second)]() mutable {
    spectra::number_variance(in, at, a, b, pieces, threads);
  });
  return py::make_tuple(first, second);
}

Array<double> rigidity(const Array<double>& levels, const Array<double>& lengths, Index pieces, int threads) {
  const auto in = view("levels", levels);
  const auto at = vector_view("lengths", lengths);
  auto out = empty<double>(in.rows(), at.size() * pieces);
  without_gil([&, res = view_mut(out)]() mutable { spectra::rigidity(in, at, res, pieces, threads); });
  return out;
}

}  // namespace

void bind_spectra(py::module_ m) {
  for_types<float, double>(
      [&]<class T>() { m.def("spacing_ratio", &spacing_ratio<T>, "levels"_a.noconvert(), "threads"_a); });
  m.def(
      "check_ascending",
      [](const std::string& function, const Array<double>& levels) {
        check::ascending_rows(function.c_str(), "levels", view("levels", levels));
      },
      "function"_a, "levels"_a);
  m.def("number_variance", &number_variance, "levels"_a.noconvert(), "lengths"_a, "pieces"_a, "threads"_a);
  m.def("rigidity", &rigidity, "levels"_a.noconvert(), "lengths"_a, "pieces"_a, "threads"_a);
  m.def("unfold_gaussian", &unfold_gaussian, "levels"_a.noconvert(), "window"_a, "threads"_a);
}

}  // namespace deeprmt::bind
