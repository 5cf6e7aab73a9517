#include "bind.hpp"
#include "deeprmt/spectra/ratio.hpp"

namespace deeprmt::bind {
namespace {

template <class T>
Array<T> spacing_ratio(const Array<T>& levels, int threads) {
  const auto in = view("levels", levels);
  auto out = empty<T>(in.rows(), std::max<Index>(in.cols() - 2, 0));
  without_gil([&, res = view_mut(out)]() mutable { spectra::spacing_ratio<T>(in, res, threads); });
  return out;
}

}  // namespace

void bind_spectra(py::module_ m) {
  for_types<float, double>(
      [&]<class T>() { m.def("spacing_ratio", &spacing_ratio<T>, "levels"_a.noconvert(), "threads"_a); });
}

}  // namespace deeprmt::bind
