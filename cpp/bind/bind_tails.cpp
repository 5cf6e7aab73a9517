#include "bind.hpp"
#include "deeprmt/tails/hill.hpp"

namespace deeprmt::bind {
namespace {

py::tuple hill(const Array<double>& ascending, int threads) {
  const auto in = vector_view("ascending", ascending);
  const Index size = std::max<Index>(in.size() - 1, 0);
  auto xi = empty<double>(size), error = empty<double>(size);
  without_gil([&, a = vector_view_mut(xi), b = vector_view_mut(error)]() mutable { tails::hill(in, a, b, threads); });
  return py::make_tuple(xi, error);
}

}  // namespace

void bind_tails(py::module_ m) { m.def("hill", &hill, "ascending"_a.noconvert(), "threads"_a); }

}  // namespace deeprmt::bind
