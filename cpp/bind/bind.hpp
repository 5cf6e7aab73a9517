// What every binding needs: NumPy arrays as views, the GIL, and the two scalar types. Only cpp/bind names Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <new>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/core/solving.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::bind {

namespace py = pybind11;
using namespace pybind11::literals;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

/// A (rows, cols) array as a matrix: a map, never a copy. Refuses what is not 2-D.
template <class T>
Eigen::Map<const Mat<T>> view(const char* argument, const Array<T>& a) {
  check::that(a.ndim() == 2, argument, " must be 2-D, got ", a.ndim(), "-D");
  return {a.data(), a.shape(0), a.shape(1)};
}
template <class T>
Eigen::Map<Mat<T>> view_mut(Array<T>& a) {
  return {a.mutable_data(), a.shape(0), a.shape(1)};
}
template <class T>
Eigen::Map<const Vec<T>> vector_view(const char* argument, const Array<T>& a) {
  check::that(a.ndim() == 1, argument, " must be 1-D, got ", a.ndim(), "-D");
  return {a.data(), a.shape(0)};
}
template <class T>
Eigen::Map<Vec<T>> vector_view_mut(Array<T>& a) {
  return {a.mutable_data(), a.shape(0)};
}

template <class T>
Array<T> empty(Index rows, Index cols) {
  return Array<T>(std::array<py::ssize_t, 2>{rows, cols});
}
template <class T>
Array<T> empty(Index size) {
  return Array<T>(std::array<py::ssize_t, 1>{size});
}

/// Bound classes are ordinary ones, of which `type` is the metaclass, as their stubs say.
inline py::metaclass plain_class() { return py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)); }

/// MemoryError with a message that names the public function that was called, and what it lacked.
[[noreturn]] void raise_out_of_memory(const std::bad_alloc& error);

/// Runs a kernel with the GIL released; Ctrl-C inside it becomes KeyboardInterrupt.
template <class F>
auto without_gil(F&& kernel) {
  try {
    const py::gil_scoped_release release;
    return std::forward<F>(kernel)();
  } catch (const Interrupted&) {
    throw py::error_already_set();  // the poll left the signal's exception set
  } catch (const std::bad_alloc& error) {
    raise_out_of_memory(error);
  }
}

inline py::dict as_dict(const SolveReport& report) {
  py::dict out;
  out["failed"] = report.failed;
  out["first_failure"] = report.first_failure;
  out["residual"] = report.residual;
  out["iterations"] = report.iterations;
  return out;
}

/// Calls register_one for each scalar type: one overload each.
template <class... T, class F>
void for_types(F&& register_one) {
  (register_one.template operator()<T>(), ...);
}

void bind_ensembles(py::module_ m);
void bind_freeprob(py::module_ m);
void bind_jacobian(py::module_ m);
void bind_laws(py::module_ m);
void bind_linalg(py::module_ m);
void bind_meanfield(py::module_ m);
void bind_nonlinear(py::module_ m);
void bind_pencil(py::module_ m);  // a part of freeprob
void bind_random(py::module_ m);
void bind_spectra(py::module_ m);
void bind_tails(py::module_ m);

}  // namespace deeprmt::bind
