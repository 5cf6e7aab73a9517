// A density that is a polynomial on each of many panels: its transforms at any complex point.
//
// On a panel centre + half t, -1 <= t <= 1, let the density be p(t) = sum c_k T_k(t). At tau = (w - centre) / half,
//
//   int p(t) dt / (tau - t) = p(tau) ln((tau + 1) / (tau - 1)) - int (p(t) - p(tau)) / (t - tau) dt
//
// is exact on the panel and next to it; the last integrand is the polynomial 2 sum' b_(j+1) T_j(t), with b the numbers
// of Clenshaw's recurrence of the second kind at tau. Further away, with v = tau - sqrt(tau^2 - 1),
//
//   int p(t) dt / (tau - t) = 2 / sqrt(tau^2 - 1) sum' v^k M_k,   M_k = int T_k(t) p(t) dt,
//
// for any mass on the panel. So a tree over the panels, of nodes with M_k of their own, answers for all that is far
// from w at once: of panels that shrink towards a singular point by halves, w meets few nodes.
#pragma once

#include <complex>
#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

class Panels {
 public:
  using Complex = std::complex<double>;

  /// @param low, high  (n)  the ends of the panels, n >= 1, low < high, ascending and disjoint
  /// @param series     (n, m)  m >= 1, c_k of each panel, so that its mass is half int sum_k c_k T_k(t) dt
  /// @throws std::invalid_argument on a wrong shape or order, or what is not finite. Memory: O(n (m + 60)).
  Panels(VecIn<double> low, VecIn<double> high, MatIn<double> series);

  double mass() const { return mass_; }
  double mean() const { return mean_; }  // of x times the mass
  double low() const { return leaves_.front().low; }
  double high() const { return leaves_.back().high; }

  /// int mu(dx) / (w - x) and its derivative; on the axis the limit from above.
  void cauchy(Complex w, Complex& value, Complex& slope) const;
  /// int log(w - x) mu(dx), principal.
  Complex potential(Complex w) const;

  /// `cauchy` at each w.
  /// @param threads  >= 1, never changes the result
  void sums(VecIn<Complex> w, VecOut<Complex> value, VecOut<Complex> slope, int threads) const;
  /// The imaginary part of `potential` at each w: int arg(w - x) mu(dx).
  void arguments(VecIn<Complex> w, VecOut<double> out, int threads) const;

 private:
  struct Leaf {
    double low, high, half, mass;
    bool after_low, before_high;  // whether another panel touches that end
  };
  struct Node {
    double low, high, half;
    Index left, right;  // -1 and the leaf, or the children
  };
  Index build(Index first, Index last);
  double* moments(Index node);
  const double* moments(Index node) const;
  template <class Far, class Near>
  void visit(Index node, Complex w, const Far& far, const Near& near) const;

  std::vector<Leaf> leaves_;
  std::vector<Node> nodes_;
  std::vector<double> moments_, series_, primitive_;
  Index terms_ = 0, root_ = 0;
  double mass_ = 0, mean_ = 0;
};

}  // namespace deeprmt::freeprob
