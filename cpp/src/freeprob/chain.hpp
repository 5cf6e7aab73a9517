// The chain of steps of an `ExplicitLaw` as a function of its unknowns, the subordination points.
#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "deeprmt/freeprob/explicit_law.hpp"
#include "deeprmt/freeprob/squared_slopes.hpp"
#include "lead.hpp"
#include "segments.hpp"

namespace deeprmt::freeprob {

class Chain {
 public:
  using Complex = std::complex<double>;
  /// A subordination point; it moves by to_lead times the lead's step, and by `lack`.
  struct Place : SquaredSlopes::Point {
    Complex to_lead, lack;
  };
  struct Point {
    SquaredSlopes::Point lead;
    std::vector<Place> rest;
  };
  struct Value {
    Complex log_z, lack, slope, y, one_plus_y, y_slope, y_lack;
    double rounding;  // of log_z
  };
  struct RealValue {
    bool exists = false;
    double turns = 0;                    // arg z / pi
    double log_z = 0, slope = 0, y = 0;  // ln |z| and its derivative to the lead
    double one_plus_y = 0, phase = 0;    // Im U / pi
    /// Whether the point is one of an interval free of mass, seen from above.
    bool free() const;
  };

  explicit Chain(const std::vector<ExplicitLaw::Step>& steps);

  const SquaredSlopes& lead() const { return *lead_.law; }
  /// The laws of the subordination points beside the lead.
  const std::vector<const SquaredSlopes*>& rest() const { return rest_laws_; }
  /// Whether an affine map moves 0.
  bool is_affine() const { return is_affine_; }

  /// With room for all subordination points.
  Point point() const;
  /// ln z and y at subordination points in the upper half-plane; p gets what the others lack and how they move.
  Value value(Point& p) const;
  /// Im U at a solution.
  double angle(const Point& p) const;
  /// The chain at a real lead outside the slopes; omegas of the other steps are solved for, each on its branch (-1: by
  /// the sign of y).
  RealValue real(Point& p, const std::vector<int>& branches) const;
  /// Where slopes go through 0, eigenvalues below those of the least resolved slope are not resolved: the logarithm of
  /// that place, or -inf.
  double log_floor() const;

 private:
  std::vector<Segment> segments_;
  Lead lead_;
  bool is_affine_ = false;
  std::vector<const SquaredSlopes*> rest_laws_;
};

}  // namespace deeprmt::freeprob
