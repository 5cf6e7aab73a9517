// What the equations of a pencil and the paths along their solutions share.
#pragma once

#include <algorithm>
#include <vector>

#include "deeprmt/freeprob/pencil.hpp"
#include "small_complex.hpp"

namespace deeprmt::freeprob {

inline constexpr double nearest = 1e-10;  // the least eta above 0

inline small::Matrix plain(const Mat<small::Complex>& m) {
  small::Matrix out;
  out.size(static_cast<int>(m.rows()), static_cast<int>(m.cols()));
  std::copy(m.data(), m.data() + m.size(), out.a.begin());
  return out;
}

/// What one thread needs; `unknown` is the state that travels from point to point: rho for a variable with an explicit
/// R-transform, and omega = g^{-1} + rho for others, of which rho may have a pole.
struct Pencil::Work {
  std::vector<small::Matrix> unknown, rho, core, inverse_core;
  // Of each variable: g, the residual, d rho = by_unknown d unknown, and d residual = factor before_g dg after_g +
  // direct d unknown.
  std::vector<small::Matrix> g, error, mean, by_unknown, before_g, after_g, direct, picked;
  std::vector<double> factor;
  std::vector<char> plain;  // whether d residual is dg, for that part
  double off = 0;           // the largest relative residual of laws without a closed form: what Newton's method asks
  double unmet = 0;         // of all laws, after a call of residual without the Jacobian
  small::Matrix whole, green, frame_green, green_frame, reduced, jacobian, step, scratch, scratch2;
  small::Matrix omega, function, vectors, inverse_vectors, schur, basis, left, right, middle, other;
  std::vector<Complex> values, functions, slopes;
  small::Matrix balanced;
  std::vector<double> sizes, scales;
  Complex log_det;
  double last_step = 0;
  Index iterations = 0;
};

/// Solutions on the axis on both sides of 0, ascending.
struct Pencil::Ladder {
  struct Rung {
    double x;
    std::vector<small::Matrix> unknown;
  };
  std::vector<Rung> rungs;
  double least[2] = {0, 0};  // the distance that is reached left and right of 0; 0 where there is no rung
};

}  // namespace deeprmt::freeprob
