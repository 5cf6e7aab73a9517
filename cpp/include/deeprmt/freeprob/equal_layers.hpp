// The law of J J^T for a product of equal layers: free multiplicative convolution by subordination, in logarithms.
//
// J is a product of square random matrices: Gaussian or Haar weights and diagonal matrices D, free of one another. With
// M(z) = z G(z) - 1, G(z) = int mu(dx) / (z - x), the S-transform S(y) = (1 + y) / (y M^{-1}(y)) is multiplicative; a
// Gaussian weight has S = 1 / (1 + y), a Haar one S = 1. Let y = M_{D^2}(omega): omega is the subordination point, and
//
//   ln z = s + (1 + g - n) ln(1 + y) + (n - 1) ln y + n ln omega
//
// for n diagonals, g Gaussian weights and the logarithm s of all scales. omega maps the upper half-plane to itself and
// y lies in the lower one, so that every logarithm is the principal one: no branch is ever chosen. Voiculescu (1987);
// Belinschi & Bercovici (2007); Pennington, Schoenholz & Ganguli (2018).
//
// The logarithmic potential U(z) = int ln(z - x) mu(dx) has dU = (1 + y) d ln z along any path, which integrates to
//
//   U = s + (n - 1) ln y + n E ln(omega - d) + g y,
//
// so that the distribution function, 1 - Im U(x + i0) / pi, needs no integral of the density.
#pragma once

#include <complex>
#include <limits>
#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

/// A law on [0, inf) of a squared slope d = phi'(h)^2: atoms, or Gauss nodes on panels of h that refine themselves
/// where a resolvent is wanted close to the axis.
class SquaredSlopes {
 public:
  static constexpr int nodes = 16;  // a panel

  /// Level k has 2^k times the panels of level 0; panels 2i and 2i + 1 of level k + 1 are the halves of panel i of k.
  /// @param d, weights  (panels, 16)  all levels, one after the other; weights >= 0, each level's sum to 1
  /// @param ranges      (panels, 2)   least and largest d on the panel
  /// @param levels      >= 1; with one level nothing is refined, which is right for atoms
  SquaredSlopes(MatIn<double> d, MatIn<double> weights, MatIn<double> ranges, Index levels);

  /// A point omega, with omega - d_max kept beside it: whichever is smaller is the exact one.
  struct Point {
    std::complex<double> omega, above;
  };
  Point at(std::complex<double> omega) const { return {omega, omega - top_}; }
  Point at_above(std::complex<double> above) const { return {above + top_, above}; }
  void move(Point& p, std::complex<double> step) const;

  struct Moments {
    std::complex<double> one_plus_y, y, slope;  // E omega/(omega-d), E d/(omega-d), and the derivative of y
  };
  Moments moments(const Point& p) const;
  /// E arg(omega - d), in [0, pi].
  double mean_argument(const Point& p) const;
  /// P(d > x).
  double mass_above(double x) const;

  /// Below this d the law is not resolved, because phi' goes through 0 there; 0 if it does so nowhere.
  double resolved() const { return resolved_; }
  double top() const { return top_; }
  double bottom() const { return bottom_; }
  /// Distinct atoms, ascending; empty for a continuous law.
  const std::vector<double>& atoms() const { return atoms_; }

 private:
  struct Panel {
    double low, high;
    double d[nodes], root[nodes], weight[nodes], offset[nodes], is_near_top[nodes];
    void set(int i, double value, double mass, bool near_top, double top);
  };
  static bool far(const Panel& panel, std::complex<double> omega);
  template <class Visit>
  void visit(std::complex<double> omega, const Visit& each) const;
  template <class Visit>
  void visit_halves(const Panel& panel, std::complex<double> omega, int depth, double rounding,
                    const Visit& each) const;

  std::vector<Panel> panels_;
  std::vector<std::size_t> level_start_;
  std::vector<double> atoms_;
  double top_, bottom_, resolved_ = 0;
};

class EqualLayers {
 public:
  /// @param diagonals  >= 1   (for none, take one with all slopes 1)
  /// @param gaussians  >= 0   weights that are Gaussian; the others are Haar
  /// @param log_scale  logarithm of the product of all sigma_w^2
  /// Without Gaussians and with a single diagonal, or slopes that are one atom, the law is that of d^n up to scale, and
  /// this solver refuses.
  EqualLayers(SquaredSlopes slopes, Index diagonals, Index gaussians, double log_scale);

  /// An open interval free of mass, and the distribution function there.
  struct Gap {
    double low, high, cdf;
  };
  /// Ascending, within (0, right end); the last one starts at the right end and has high = inf.
  const std::vector<Gap>& gaps() const { return gaps_; }

  /// What did not converge. Where nothing failed, `failed` is 0.
  struct Report {
    Index failed = 0;
    double first_failure = 0;  // the x or |z| of the first point that did not converge
  };

  /// Density without atoms, and distribution function from the right with them, at each x; NaN where it did not
  /// converge.
  /// @param threads  >= 1, never changes the result: points are solved in chunks of 64, in ascending order
  Report evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, int threads) const;

  /// G(z) off the support, for Im z >= 0; on the positive axis the limit from above.
  Report resolvent(const std::vector<std::complex<double>>& z, std::vector<std::complex<double>>& g, int threads) const;

 private:
  using Complex = std::complex<double>;
  using Point = SquaredSlopes::Point;
  struct Value {
    Complex log_z, slope, y;
    double rounding;  // of log_z
  };
  /// A simple end of the support: ln z = log_x + curvature (omega - omega_end)^2 / 2.
  struct Edge {
    double log_x, curvature;
    Point omega;
  };

  Value value(const Point& p) const;
  double real_slope(const Point& p) const;
  double real_log_z(const Point& p) const;
  bool newton(Point& p, Complex log_z, int steps) const;
  bool from_afar(Point& p, double log_modulus, double argument) const;
  double negative_root(double log_modulus) const;
  bool in_bulk(Point& p, bool& warm, double& last, double log_x) const;
  bool solve(double low, double high, double x, Point& p, bool& warm, double& last) const;
  double atom_left(double d) const;
  void find_right_end();
  void find_gaps(double low, double high);
  Edge refine(Point outside, Point inside) const;

  SquaredSlopes slopes_;
  double diagonals_, gaussians_, log_scale_;
  double log_floor_ = -std::numeric_limits<double>::infinity();  // below it the mass is not resolved
  std::vector<Gap> gaps_;
  std::vector<Edge> edges_;
};

}  // namespace deeprmt::freeprob
