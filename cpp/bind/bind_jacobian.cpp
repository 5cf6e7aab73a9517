#include "bind.hpp"
#include "deeprmt/jacobian/chain.hpp"

namespace deeprmt::bind {
namespace {

/// A Python activation as the kernels call it, from any thread: takes the GIL for the length of two NumPy calls.
template <class T>
auto activation(const py::object& phi, const py::object& dphi) {
  return [&phi, &dphi](const T* h, Index n, T* x, T* d) {
    const py::gil_scoped_acquire gil;
    // NumPy's settings belong to a thread: its warnings would leak from ours. What is not finite is told by the kernel.
    const py::object quiet = py::module_::import("numpy").attr("errstate")("all"_a = "ignore");
    quiet.attr("__enter__")();
    const auto evaluate = [&](const char* what, const py::object& function, T* to) {
      const Array<T> given(n, h);
      const Array<T> values = py::array_t < T, py::array::c_style | py::array::forcecast > (function(given));
      check::that(values.ndim() == 1 && values.shape(0) == n, "singular_values: ", what,
                  " must return as many values (", n, ") as it is given");
      std::copy_n(values.data(), n, to);
    };
    const auto leave = [&] { quiet.attr("__exit__")(py::none(), py::none(), py::none()); };
    try {
      evaluate("phi", phi, x);
      evaluate("dphi", dphi, d);
    } catch (...) {
      leave();
      throw;
    }
    leave();
  };
}

jacobian::Weights kind_of(bool haar) { return haar ? jacobian::Weights::haar : jacobian::Weights::gaussian; }

template <class T>
Array<T> singular_values(const std::vector<Index>& widths, bool haar, T sigma_w, T sigma_b, const py::object& phi,
                         const py::object& dphi, bool activation_output, std::uint64_t key, std::uint32_t first,
                         Index trials, const Array<T>& x, T q0, const std::vector<T>& independent, bool log,
                         int threads) {
  const jacobian::Model<T> model{
      widths, kind_of(haar), sigma_w, sigma_b, activation<T>(phi, dphi), activation_output, independent};
  const auto input = view("x", x);
  auto out = empty<T>(trials, std::min(widths.front(), widths.back()));
  without_gil([&, s = view_mut(out)]() mutable {
    jacobian::singular_values<T>(model, key, first, input, q0, log, s, threads);
  });
  return out;
}

}  // namespace

void bind_jacobian(py::module_ m) {
  for_types<float, double>([&]<class T>() {
    m.def("singular_values", &singular_values<T>, "widths"_a, "haar"_a, "sigma_w"_a, "sigma_b"_a, "phi"_a, "dphi"_a,
          "activation_output"_a, "key"_a, "first"_a, "trials"_a, "x"_a.noconvert(), "q0"_a, "independent"_a, "log"_a,
          "threads"_a);
    m.def(
        "layer",
        [](std::uint64_t key, std::uint32_t sample, Index layer, bool haar, T sigma_w, T sigma_b, Array<T>& w,
           Array<T>& b, int threads) {
          auto weights = view_mut(w);
          auto biases = vector_view_mut(b);
          without_gil([&] {
            jacobian::layer_weights<T>(key, sample, layer, kind_of(haar), sigma_w, weights, threads);
            jacobian::layer_biases<T>(key, sample, layer, sigma_b, biases);
          });
        },
        "key"_a, "sample"_a, "layer"_a, "haar"_a, "sigma_w"_a, "sigma_b"_a, "w"_a.noconvert(), "b"_a.noconvert(),
        "threads"_a);
    m.def(
        "sphere_input",
        [](std::uint64_t key, std::uint32_t sample, T q, Array<T>& x) {
          jacobian::sphere_input<T>(key, sample, q, vector_view_mut(x));
        },
        "key"_a, "sample"_a, "q"_a, "x"_a.noconvert());
  });
}

}  // namespace deeprmt::bind
