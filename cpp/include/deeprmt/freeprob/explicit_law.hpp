// Laws on [0, inf) that a chain of free products and affine maps makes from the point mass at 1: the squared singular
// values of a Jacobian, a network's tangent kernel at one input, the conjugate kernel.
//
// A law mu enters by M(z) = z G(z) - 1, G(z) = int mu(dx) / (z - x). Its S-transform S(y) = (1 + y) / (y M^{-1}(y))
// multiplies under free products (Voiculescu 1987), so that each step of the chain acts on a pair (y, ln z) with
// y = M(z), and on the logarithmic potential U(z) = int ln(z - x) mu(dx), for which dU = (1 + y) d ln z:
//
//   the point mass at 1            ln z = ln(1 + y) - ln y              U = -ln y
//   times e^s                      ln z += s                            U += s
//   free product, S = (1+ay)^-c    ln z += c ln(1 + a y)                U += c [y + (1 - 1/a) ln(1 + a y)]
//   n projections, 0 with mass f,  ln z += n ln(1 - f/(1+by))       U += n [(1 - 1/b) ln((1-f+by)/(1+by))
//     compressed to 1 / b                                                  + (f/b) ln(1-f+by)]
//   free product, S = exp(-g y - h y/(1+y)) ln z += g y + h y/(1+y)  U += g (y + y^2/2) + h ln(1 + y)
//   n free products with slopes    ln z += n [ln by - ln(1+by) + ln w]  U += n [ln by - (1 - 1/b) ln(1 + b y)]
//     d, compressed to 1 / b            where E d/(w-d) = b y                + (n/b) [E ln(w-d) + (b-1) ln w]
//   f x + o                        z <- f z + o, y += o (1 + y) / f z   U += ln f
//
// On the way z stays in the upper half-plane, as do the subordination points w; every y stays in the lower one. So all
// logarithms are principal ones: no branch is ever chosen, and powers c and n need not be whole. Belinschi & Bercovici
// (2007). The distribution function 1 - Im U(x + i0) / pi needs no integral of the density.
//
// The unknowns are one subordination point, the lead, and the w of all other steps: Newton's method takes them all at
// once, by carrying through the chain the derivative to the lead and, to first order, what the other w still lack.
#pragma once

#include <complex>
#include <memory>
#include <variant>
#include <vector>

#include "deeprmt/core/solving.hpp"
#include "deeprmt/core/types.hpp"
#include "deeprmt/freeprob/squared_slopes.hpp"

namespace deeprmt::freeprob {

class ExplicitLaw {
 public:
  /// Each value times e^log.
  struct Scale {
    double log;
  };
  /// S(y) = (1 + a y)^-power, a > 0. A square Gaussian factor is a = 1; Marchenko-Pastur of aspect g, a = g.
  struct Pole {
    double a, power;
  };
  /// `power` factors that are projections, 0 with the mass `flat` and else 1, each compressed as `Slopes` are: exact
  /// however small `flat` is, and however many there are.
  struct Jump {
    double flat, power, width;
  };
  /// S(y) = exp(-smooth y - jumps y / (1 + y)): infinitely many factors, each infinitely close to 1, with that total
  /// variance, of which `jumps` comes from factors that are projections.
  struct Flow {
    double smooth, jumps;
  };
  /// `power` factors with the law of squared slopes, each compressed: S(y) = S_d(width y)^power. width is 1 for a law
  /// normalised by the number of the slopes itself.
  struct Slopes {
    std::shared_ptr<const SquaredSlopes> law;
    double power, width;
  };
  /// Each value x becomes factor x + offset: factor > 0, offset >= 0.
  struct Affine {
    double factor, offset;
  };
  using Step = std::variant<Scale, Pole, Jump, Flow, Slopes, Affine>;
  struct Atom {
    double location, mass;
  };

  /// @param steps     in order, from the point mass at 1 on
  /// @param atoms     ascending; the caller knows them, for they follow from counting dimensions
  /// @param ends_at_last_atom  no mass lies above the last atom, which may have the mass 0 if the density ends there
  /// Without a continuous part, or where the law is that of one of the slopes itself, there is nothing to solve, and
  /// the caller should not ask.
  ExplicitLaw(const std::vector<Step>& steps, std::vector<Atom> atoms, bool ends_at_last_atom);

  /// An open interval free of mass, and the distribution function there.
  struct Gap {
    double low, high, cdf;
  };
  /// Ascending, within (0, right end); the last one starts at the right end and has high = inf.
  const std::vector<Gap>& gaps() const;

  using Report = SolveReport;

  /// Density without atoms, and distribution function from the right with them, at each x; NaN where it did not
  /// converge.
  /// @param cdf      may be empty: the density alone takes a third of the time
  /// @param threads  >= 1, never changes the result: points are solved in chunks of 256, in ascending order
  Report evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, int threads) const;

  /// G(z) off the support, for Im z >= 0; on the positive axis the limit from above.
  Report resolvent(const std::vector<std::complex<double>>& z, std::vector<std::complex<double>>& g, int threads) const;

 private:
  struct Solved;
  std::shared_ptr<const Solved> solved_;
};

}  // namespace deeprmt::freeprob
