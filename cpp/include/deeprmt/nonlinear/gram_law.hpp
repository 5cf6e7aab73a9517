// The limit law of the non-zero eigenvalues of Y Y^T / m, Y = f(W X), by its explicit inverse map.
//
// With phi = n_0 / m, psi = n_0 / n_1, zeta the linear part of f's variance and delta the rest, the quartic of
// Pennington and Worah (2017) between z and p, z G(z) = 1 + psi p on the side of the features, becomes a sum of poles
// in one number Y, s = Y - zeta:
//
//   p = delta / Y + zeta / s,
//   psi z = Y (1 + phi p) (1 + psi p) = Y + (phi + psi)(delta + zeta) + K / Y + B / s + C / s^2,
//   K = phi psi delta^2,  B = (phi + psi) zeta^2 + phi psi zeta (zeta + 2 delta),  C = phi psi zeta^3.
//
// Let c >= d be phi and psi in order: c belongs to the shorter side of Y, whose law this is, z G = 1 + c p. The law is
// a free product of Marchenko-Pastur's with zeta A + delta, A of Marchenko-Pastur's of aspect 1 / c; of the four roots
// that of the law, for z in the upper half-plane, is the only one with Im Y > 0 and |s|^2 > c zeta^2: there the
// argument of A's transform, 1 - c + s / zeta + c zeta / s but for its scale, lies in the upper half-plane too.
//
// A bulk whose relative width is w loses log10(1 / w) digits if psi z is formed; so the constant is taken off x before,
// in two doubles: at Y near infinity, near 0 or near zeta. Next to x = 0 it is the product that keeps all digits, with
// 1 + c p = t (Y - y') / (Y s), t the distance to its negative root. Whichever loses least is solved.
//
// The logarithmic potential U, dU = z G d ln z, is explicit, so that distribution functions need no integral:
// with h(w) = w - ln(1 + w), U = ln Y + ln(1 + d p) + c h(zeta / s) + (c / d) h(d p), and 1 - F = Im U / pi.
#pragma once

#include <array>
#include <complex>
#include <vector>

#include "deeprmt/core/solving.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::nonlinear {

class GramLaw {
 public:
  using Complex = std::complex<double>;
  struct Centre {
    double high, low;  // their sum
  };
  /// Constants of psi z where Y is near infinity, 0 and zeta; the caller knows them beyond doubles.
  struct Centres {
    Centre far, zero, pole;
  };

  /// @param zeta, rest  at least 0, not both 0
  /// @param phi, psi    above 0
  GramLaw(double zeta, double rest, double phi, double psi, const Centres& centres);

  /// At points inside the support: density, distribution function and its complement of the eigenvalues of the shorter
  /// side that are not 0 by rank alone. NaN where x is so close to an end of the support that no root is complex.
  /// @param threads  >= 1, never changes the result: points are solved in chunks of 256, in ascending order
  SolveReport evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, VecOut<double> sf,
                       int threads) const;

  /// G(z) = int mu(dx) / (z - x), for Im z >= 0; on the axis the limit from above.
  SolveReport resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const;

 private:
  /// One Y, by its distances to 0, to zeta and to the root of 1 + c p: each has digits of its own.
  struct Point {
    Complex y, s, t;
  };
  /// psi z, less each constant.
  struct Goal {
    Complex whole, far, zero, pole;
  };
  struct Value {
    Complex excess, slope;  // psi z(Y) - goal, and d psi z / d Y
    double rounding;        // of the excess, in units of one
    double scale;           // the length on which psi z changes
  };
  Goal goal(double re, double im) const;
  Point at(Complex y) const;
  Point near_pole(Complex s) const;
  void move(Point& p, Complex step) const;
  Value value(const Point& p, const Goal& goal) const;
  bool newton(Point& p, const Goal& goal, Tally& tally) const;
  std::array<Point, 3> next_to_zero(const Goal& goal) const;
  bool on_sheet(const Point& p) const;
  bool lead(Point& p, const Goal& goal, Tally& tally) const;
  bool lead_real(Point& p, const Goal& goal, Tally& tally) const;
  bool solve(Point& p, double re, double im, bool real, Tally& tally) const;
  void mass(const Point& p, double& cdf, double& sf) const;

  double zeta_, rest_, psi_, wide_, narrow_;  // wide: c, narrow: d
  double at_zero_, at_pole_, at_pole_twice_;  // K, B, C
  double root_, other_, narrow_other_,
      apart_;  // 1 + c p = (Y + root)(Y - other) / (Y s); apart: of both negative roots
  Centres centres_;
};

}  // namespace deeprmt::nonlinear
