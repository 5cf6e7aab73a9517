// The logarithm of a product of many factors at the price of one.
#pragma once

#include <cmath>
#include <complex>
#include <numbers>

#include "logarithm.hpp"

namespace deeprmt::freeprob {

/// A sum of logarithms of factors that all lie on one side of the real axis, by a single logarithm of their product:
/// its argument is that of the sum but for whole turns, which show as steps across the axis.
class LogProduct {
 public:
  using Complex = std::complex<double>;

  /// @param side  the sign of the factors' imaginary parts
  explicit LogProduct(double side) : side_(side) {}
  /// @param slope  of the factor
  void take(Complex factor, Complex slope) {
    const double re = factor.real(), im = factor.imag(), a = value_.real(), b = value_.imag();
    slope_ = {slope_.real() * re - slope_.imag() * im + slope.real() * a - slope.imag() * b,
              slope_.real() * im + slope_.imag() * re + slope.real() * b + slope.imag() * a};
    value_ = {a * re - b * im, a * im + b * re};
    turns_ += side_ * b > 0 && side_ * value_.imag() < 0 ? side_ : 0;
    any_ = true;
    const double size = std::abs(value_.real()) + std::abs(value_.imag());
    if (!(size > 1e-140 && size < 1e140)) put_away();
  }
  bool any() const { return any_; }
  Complex log() const { return logs_ + logarithm(value_) + Complex(0, 2 * std::numbers::pi * turns_); }
  /// Of the sum.
  Complex slope() const { return slopes_ + slope_ / value_; }

 private:
  void put_away() {
    logs_ += logarithm(value_);
    slopes_ += slope_ / value_;
    value_ = 1;
    slope_ = 0;
  }
  double side_, turns_ = 0;
  Complex value_ = 1, slope_ = 0, logs_ = 0, slopes_ = 0;
  bool any_ = false;
};

}  // namespace deeprmt::freeprob
