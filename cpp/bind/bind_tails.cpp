#include "bind.hpp"
#include "deeprmt/tails/hill.hpp"

namespace deeprmt::bind {
namespace {

Array<double> hill(const Array<double>& ascending, int threads) {
  const auto in = vector_view("ascending", ascending);
  auto out = empty<double>(std::max<Index>(in.size() - 1, 0));
  without_gil([&, res = vector_view_mut(out)]() mutable { tails::hill(in, res, threads); });
  return out;
}

}  // namespace

void bind_tails(py::module_ m) { m.def("hill", &hill, "ascending"_a.noconvert(), "threads"_a); }

}  // namespace deeprmt::bind
