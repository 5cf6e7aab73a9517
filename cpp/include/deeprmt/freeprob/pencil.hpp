// The law of a polynomial in free self-adjoint variables, from a linear pencil: operator-valued free convolution.
//
// A polynomial p has a Hermitian pencil L = c + sum_i U_i S_i U_i^* x_i, of d x d matrices, whose resolvent holds that
// of p in a corner: ((Lambda(z) - L)^{-1})_11 = (z - p)^{-1}, Lambda(z) = diag(z, 0, ..., 0). With G = E (b - L)^{-1}
// over the state, b = Lambda(z) (+ i eta), the variables' R-transforms over matrices add:
//
//   G^{-1} = b - c - sum_i U_i rho_i U_i^*,   g_i = U_i^* G U_i,   g_i = E (g_i^{-1} + rho_i - S_i x_i)^{-1}.
//
// The last equation says that rho_i is the R-transform of S_i x_i at g_i, and involves matrices of the rank r_i of
// x_i's coefficient alone. So the unknowns are the rho_i, sum r_i^2 numbers at most, not d^2 for each variable; many
// are always 0, since the polynomial has few words, and are left out. For a
// semicircle of variance v, rho = v S g S; for a free Poisson law rho = mean (S^{-1} - jump g)^{-1}. Otherwise the mean
// is a function of the matrix S^{-1} (g^{-1} + rho), which eigenvectors reduce to the scalar Cauchy transform of x_i.
//
// For eta > 0 exactly one solution has Im omega_i >= 0, omega_i = g_i^{-1} + rho_i, and iteration of these equations
// converges to it. Belinschi, Mai, Speicher (arXiv:1303.3196); Helton, Rashidi Far, Speicher (math/0703510).
//
// The equations say that the derivative of
//
//   U = log det(b - c - sum_i U_i rho_i U_i^*) + sum_i [ E log det(g_i^{-1} + rho_i - S_i x_i) + log det g_i ]
//
// by each rho_i vanishes. So dU/dz = G_11: U is the logarithmic potential of p's law up to a constant, and the
// distribution function is 1 - Im U(x + i0) / pi. It is known up to even numbers, which is all it needs.
#pragma once

#include <complex>
#include <memory>
#include <utility>
#include <vector>

#include "deeprmt/core/solving.hpp"
#include "deeprmt/core/types.hpp"
#include "deeprmt/freeprob/panels.hpp"

namespace deeprmt::freeprob {

/// The law of one variable, as far as the pencil needs it.
class LetterLaw {
 public:
  using Complex = std::complex<double>;
  enum class Kind { semicircle, poisson, general };

  /// The law of origin + u, or of origin - u if mirrored, u on panels: where the density diverges, u has its digits.
  struct Part {
    std::shared_ptr<const Panels> panels;
    double origin;
    bool mirrored;
  };

  /// Mean 0.
  static LetterLaw semicircle(double variance);
  /// R(w) = mean / (1 - jump w): Marchenko-Pastur of mean sigma^2 and jump aspect sigma^2.
  static LetterLaw poisson(double mean, double jump);
  /// Atoms, on each interval centre + radius cos(angle) the density sum_k a_k cos(k angle) of the angle in (0, pi), and
  /// parts on panels.
  /// @param intervals  (n, 2)  centre and radius > 0
  /// @param series     n vectors, none empty
  static LetterLaw general(VecIn<double> locations, VecIn<double> masses, MatIn<double> intervals,
                           std::vector<std::vector<double>> series, std::vector<Part> parts = {});

  Kind kind() const { return kind_; }
  double variance() const { return first_; }
  double mean() const { return kind_ == Kind::semicircle ? 0.0 : first_; }
  double jump() const { return second_; }
  /// A bound of |x|.
  double radius() const { return radius_; }

  /// E 1/(w - x) and its derivative. General laws only; on the axis the limit from above.
  void cauchy(Complex w, Complex& value, Complex& slope) const;
  /// E log(w - x), principal.
  Complex potential(Complex w) const;

 private:
  struct Piece {
    double centre, radius;
    std::vector<double> series;
  };
  Kind kind_ = Kind::semicircle;
  double first_ = 1, second_ = 0, radius_ = 2;
  std::vector<double> locations_, masses_;
  std::vector<Piece> pieces_;
  std::vector<Part> parts_;
};

class Pencil {
 public:
  using Complex = std::complex<double>;

  /// @param constant  (d, d)  c, Hermitian
  /// @param frames    one (d, r) a variable: U_i
  /// @param cores     one (r, r) a variable: S_i, Hermitian and invertible
  /// @param reach     > 0, a bound of |p|
  Pencil(Mat<Complex> constant, std::vector<Mat<Complex>> frames, std::vector<Mat<Complex>> cores,
         std::vector<LetterLaw> laws, double reach);

  using Report = SolveReport;  // residual: by how much the equations are not met, relative to their terms

  /// Solves ever closer to 0, on the sides that have a density, each time from the solution before; `evaluate` then
  /// starts there. Where a density diverges steeply at 0, no solution far above the axis leads to points close by.
  void descend();
  /// How close to 0 that came, left and right of it; 0 where nothing has been solved. Closer points are NaN.
  std::pair<double, double> reached() const;

  /// At each x: density, distribution function (modulo 2), and whether the law has a density there (1), a gap (0). NaN
  /// where it did not converge.
  /// @param threads  >= 1, never changes the result: points are solved in chunks of 32, in ascending order
  Report evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, VecOut<double> bulk, int threads) const;

  /// G(z) = E 1/(z - p) for Im z >= 0; on the axis the limit from above.
  Report resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const;

  Index unknowns() const { return unknowns_; }

 private:
  struct Work;
  struct Ladder;
  void find_active();
  void prepare(Work& w) const;
  void move(Work& w, Complex factor) const;
  bool newton(Work& w, Complex z, double eta, int steps, bool tight) const;
  bool from_afar(Work& w, Complex z) const;
  bool sweep(Work& w, double x) const;
  bool from_rung(Work& w, double x) const;
  void residual(Work& w, Complex z, double eta, bool jacobian) const;
  void before(Work& w, std::size_t i, bool jacobian) const;
  void after(Work& w, std::size_t i, bool jacobian) const;
  void tangent(Work& w, bool along_x) const;
  bool is_resolvent(const Work& w, double slack) const;
  double distribution(Work& w, Complex z, double eta) const;

  Mat<Complex> constant_;
  Mat<Complex> frame_;  // all U_i beside one another
  std::vector<Index> first_, rank_, unknown_first_;
  std::vector<std::vector<int>> active_;  // of each variable, the entries of its unknown that are not always 0
  std::vector<Mat<Complex>> cores_;
  std::vector<LetterLaw> laws_;
  std::shared_ptr<const Ladder> ladder_;
  Index size_ = 0, ranks_ = 0, unknowns_ = 0;
  double reach_ = 1, height_ = 1, offset_ = 0;
};

}  // namespace deeprmt::freeprob
