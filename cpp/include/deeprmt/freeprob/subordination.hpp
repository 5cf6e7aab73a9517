// The equations of free convolution where every law is one of atoms or known in closed form: Newton's method for points
// of the half-plane, and what c is on the axis between atoms.
//
// With p = omega, c = 1 / G(omega) for sums, and p = ln omega, c = -ln(y / (1 + y)) with y = omega G(omega) - 1 for
// products, the unknowns are c and one p for each law of atoms:
//
//   sum t_i p_i - (T - 1) c = P(z),     c_i(p_i) = c.
//
// A law in closed form has p - c as a function of c, and no unknown of its own. Newton's step keeps every imaginary
// part above 0, and for products below pi: what is found there is the only solution.
#pragma once

#include <complex>
#include <utility>
#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

class Subordination {
 public:
  using Complex = std::complex<double>;

  /// Where p is explicit in c. Sums: p - c = mean + jump s2^2 / (c - jump s2), or mean + s2 / c for an infinite jump.
  /// Products: S(y) = 1 / (s2 (1 + jump y)).
  struct Explicit {
    double jump, s2, mean, power;
  };

  /// A gap between atoms, parametrised by real s: omega = low + far e^s where high is infinite, high - far e^-s where
  /// low is, else low + (high - low) / (1 + e^-s). Part of it, when s is restricted.
  struct Gap {
    double low, high, far;
  };

  /// @param product  whether variables are multiplied
  /// @param scale    > 0, the size of the law; 1 for products
  Subordination(bool product, std::vector<Explicit> known, double scale)
      : product_(product), scale_(scale), known_(std::move(known)) {}

  /// One more law of atoms. @param at, mass (n) finite; @param power > 0
  /// @throws std::invalid_argument on a wrong shape
  void add(VecIn<double> at, VecIn<double> mass, double power);

  Index unknowns() const { return static_cast<Index>(atoms_.size()); }

  /// From a start at each place; good is 1 where that converged within the half-plane.
  /// @param place    (k)     P(z)
  /// @param c        (k)     the start, overwritten
  /// @param p        (n, k)  the start, overwritten
  /// @param good     (k)     overwritten
  /// @param steps    >= 1, the most that are done
  /// @param threads  >= 1, never changes the result
  /// @return the number of steps, all places together
  /// @throws std::invalid_argument on a wrong shape. Cost: O(k n) for each step and law of n atoms; allocates O(k).
  Index newton(VecIn<Complex> place, VecOut<Complex> c, MatOut<Complex> p, VecOut<double> good, int steps,
               int threads) const;

  /// On the axis, for the first law of atoms: p (a product's is ln |omega|), c and u = dp / dc at each s.
  /// @param out      (3, k)  overwritten: p, c, u
  /// @param threads  >= 1, never changes the result
  void on_gap(const Gap& gap, VecIn<double> s, MatOut<double> out, int threads) const;

  /// The same where c has given values, on a piece of the gap where it ascends in s, or descends.
  /// @param s, c, rate  (n)  n >= 2, a table of the piece with c ascending; rate is the slope in s of c for a product,
  /// of
  ///                    ln |c| for a sum
  /// @param goal        (k)
  /// @param out         (4, k)  overwritten: s, p, c, u with c within 1e-11 of the goal, as far as omega's rounding
  ///                    allows; NaN beyond the table
  void where(const Gap& gap, VecIn<double> s, VecIn<double> c, VecIn<double> rate, VecIn<double> goal,
             MatOut<double> out, int threads) const;

 private:
  struct Atoms {
    std::vector<double> at, mass, away, others, weighted;  // away: the atoms that do not lie at 0
    double at_zero, power;
  };
  struct Value {
    Complex c, slope;  // slope = dc / dp
  };
  struct Real {
    double omega, p, c, slope, u;  // slope = d omega / ds
  };
  Value value(const Atoms& law, Complex p) const;
  Real real_value(const Gap& gap, double s) const;
  int solve(Complex place, Complex& c, Complex* p, Index stride, int steps, bool& good) const;

  bool product_;
  double scale_;
  std::vector<Explicit> known_;
  std::vector<Atoms> atoms_;
};

}  // namespace deeprmt::freeprob
