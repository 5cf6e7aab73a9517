// The random streams, for tests and for Python code that draws from them.
#include "bind.hpp"

namespace deeprmt::bind {
namespace {

template <class T>
void bind_draws(py::module_ m, const char* name, void (*draw)(Stream, std::uint64_t, T*, Index)) {
  m.def(
      name,
      [draw](std::uint64_t key, std::uint32_t sample, std::uint32_t part, std::uint64_t start, Array<T>& out) {
        auto target = vector_view_mut(out);
        without_gil([&] { draw({key, sample, part}, start, target.data(), target.size()); });
      },
      "key"_a, "sample"_a, "part"_a, "start"_a, "out"_a.noconvert());
}

}  // namespace

void bind_random(py::module_ m) {
  m.def("philox", &philox, "counter"_a, "key"_a);
  for_types<float, double>([&]<class T>() {
    bind_draws<T>(m, "normals", &normals<T>);
    bind_draws<T>(m, "uniforms", &uniforms<T>);
  });
}

}  // namespace deeprmt::bind
