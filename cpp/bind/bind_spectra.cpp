#include "bind.hpp"
#include "deeprmt/spectra/ratio.hpp"
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
  m.def("unfold_gaussian", &unfold_gaussian, "levels"_a.noconvert(), "window"_a, "threads"_a);
}

}  // namespace deeprmt::bind
