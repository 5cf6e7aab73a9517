// The law of a squared slope phi'(h)^2 and its M-transform, M(omega) = E d / (omega - d), right up to the real axis.
#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

/// A law on [0, inf) of a squared slope d = phi'(h)^2: atoms, or Gauss nodes on panels of h that refine themselves
/// where a resolvent is wanted close to the axis.
class SquaredSlopes {
 public:
  static constexpr int nodes = 16;         // a panel
  static constexpr double least = 1e-300;  // whose inverse does not overflow; smaller d are as good as 0

  /// Level k has 2^k times the panels of level 0; panels 2i and 2i + 1 of level k + 1 are the halves of panel i of k.
  /// @param d, weights  (panels, 16)  all levels, one after the other; weights >= 0, each level's sum to 1
  /// @param ranges      (panels, 2)   least and largest d on the panel
  /// @param levels      >= 1; with one level nothing is refined, which is right for atoms
  SquaredSlopes(MatIn<double> d, MatIn<double> weights, MatIn<double> ranges, Index levels);
  /// The slopes 0 and 1, with probabilities flat and p, of which neither is taken from the other.
  static SquaredSlopes two_valued(double p, double flat);

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
  /// From now on moments come from Taylor series where omega is not close to the law: made once for each cell of a
  /// lattice, 0.8 kB each and 8192 at most, they cost 30 sums each and save nearly all of later ones. Not while
  /// another thread uses the law.
  void keep_series();
  /// E arg(omega - d), in [0, pi].
  double mean_argument(const Point& p) const;
  /// P(d > x).
  double mass_above(double x) const;
  /// The mass of an atom at 0, or of a continuous law below `least`.
  double mass_at_zero() const { return mass_at_zero_; }

  /// Below this d the law is not resolved, because phi' goes through 0 there, or falls below `least`; 0 if neither.
  double resolved() const { return resolved_; }
  double top() const { return top_; }
  double bottom() const { return bottom_; }
  /// Distinct atoms, ascending; empty for a continuous law.
  const std::vector<double>& atoms() const { return atoms_; }

 private:
  SquaredSlopes() = default;
  struct Panel {
    double low, high;
    double d[nodes], root[nodes], weight[nodes], offset[nodes], is_near_top[nodes];
    void set(int i, double value, double mass, bool near_top, double top);
  };
  /// Neighbouring panels of the first level whose slopes are one number, seen from omega at least `from` off 0.
  struct Bundle {
    std::size_t first, last;  // the one after
    double from;
    Panel panel;
  };
  struct Series;
  class Lattice;
  void bundle();
  void bundle(std::size_t first, std::size_t last, double from);
  /// The widest bundle that starts with this panel of the first level and does for omega, or none.
  const Bundle* bundled(std::size_t first, double modulus) const;
  static bool far(const Panel& panel, std::complex<double> omega, double margin);
  template <class Visit>
  void visit(std::complex<double> omega, const Visit& each, double margin = 0.75) const;
  template <class Visit>
  void visit_halves(const Panel& panel, std::complex<double> omega, int depth, double rounding, double margin,
                    const Visit& each) const;
  Series series(const Point& centre) const;

  std::shared_ptr<Lattice> lattice_;
  std::vector<Panel> panels_;
  std::vector<Bundle> bundles_;  // by the first panel, then wide ones first
  std::vector<std::size_t> level_start_;
  std::vector<double> atoms_;
  double top_, bottom_, resolved_ = 0, mass_at_zero_ = 0, single_ = 0;  // the mass at the top, if the rest is at 0
};

}  // namespace deeprmt::freeprob
