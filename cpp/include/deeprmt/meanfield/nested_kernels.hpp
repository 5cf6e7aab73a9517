// The law of r + q_0 K_0 + ... + q_L K_L, K_l the Gram matrix of layer l of a network whose widths grow like the number
// of its inputs.
//
// Given K_{l-1}, K_l is a sample covariance matrix with population a_l + c_l K_{l-1} and n / d_l -> gamma_l: a layer's
// activation acts as a linear map plus independent noise. Conjugate kernels and neural tangent kernels have limits of
// this form (Fan & Wang 2020). Replacing the kernels by deterministic equivalents one after the other, from the last,
// leaves a resolvent of K_0 alone:
//
//   from l = L down   t_l = rho_l beta_l,  beta_L = q_L,  beta_{l-1} = q_{l-1} + c_l t_l,  alpha = r - z + sum a_l t_l
//   at the bottom     m(z) = E 1 / (alpha + beta_0 x),  T_0 = E x / (alpha + beta_0 x)
//   from l = 1 up     T_l' = a_l m + c_l rho_{l-1} T_{l-1}'   (rho_0 T_0' = T_0)
//   unknowns          rho_l (1 + gamma_l beta_l T_l') = 1
//
// with x from the law of K_0 and m(z) = int mu(dx) / (x - z). Above the real axis all t, beta and alpha lie in the
// lower half-plane. The equations say that the logarithmic potential
//
//   U(z) = int ln(x - z) mu(dx) = E ln(alpha + beta_0 x) + sum_l (rho_l - 1 - ln rho_l) / gamma_l
//
// is stationary in every rho, so that dU/dz = -m, and the distribution function is -Im U(x + i0) / pi. Newton's method
// takes all rho at once, each step in time proportional to L: nested iterations would take (their number)^L.
#pragma once

#include <complex>
#include <vector>

#include "deeprmt/core/solving.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::meanfield {

class NestedKernels {
 public:
  struct Layer {
    double gamma, a, c, q;  // gamma > 0, the others >= 0
  };
  /// @param values, masses  the law of K_0: values >= 0, masses > 0 with sum 1
  /// @param q0, shift       q_0 and r, >= 0
  /// @param layers          1 to L; the last q is positive
  NestedKernels(VecIn<double> values, VecIn<double> masses, double q0, double shift, const std::vector<Layer>& layers);

  using Report = SolveReport;

  /// Density of the continuous part and distribution function at each x, which must not be an atom.
  /// @param threads  >= 1, never changes the result: points are solved in chunks of 64, in ascending order
  Report evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, int threads) const;

  /// m(z) for Im z >= 0; on the axis the limit from above.
  Report stieltjes(const std::vector<std::complex<double>>& z, std::vector<std::complex<double>>& m, int threads) const;

 private:
  using Complex = std::complex<double>;
  struct Sums {
    Complex one, x, one2, x2, xx2;  // means of 1/w, x/w, 1/w^2, x/w^2, x^2/w^2, w = alpha + beta_0 x
  };
  struct State;

  Sums sums(Complex alpha, Complex beta) const;
  void equations(Complex z, State& s) const;
  bool linearize(State& s) const;
  bool newton(Complex z, State& s, int steps) const;
  bool inside(const State& s) const;
  bool from_afar(Complex z, State& s) const;
  bool follow(Complex from, Complex to, State& s, double least) const;
  double cdf(const State& s) const;

  std::vector<double> values_, masses_;
  double q0_, shift_, size_;
  std::vector<Layer> layers_;
};

}  // namespace deeprmt::meanfield
