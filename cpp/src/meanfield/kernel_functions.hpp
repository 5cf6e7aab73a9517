// What the loops over pairs call: elementary functions as polynomials through Chebyshev points, to rounding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/exponential.hpp"

namespace deeprmt::meanfield {

/// c[0] + c[1] t + ... Written out by the template: a loop of more than 16 steps GCC leaves a loop, and then it does
/// not vectorise the one around it.
template <class T, std::size_t N>
DEEPRMT_LEAF T polynomial(const T (&c)[N], T t) {
  T y = c[N - 1];
  [&]<std::size_t... I>(std::index_sequence<I...>)
      __attribute__((always_inline)) { ((y = y * t + c[N - 2 - I]), ...); }(std::make_index_sequence<N - 1>());
  return y;
}

// Functions of t = sin(angle / 2)^2 <= 1/2.

/// angle = 2 sqrt(t) arcsine(t).
DEEPRMT_LEAF float arcsine(float t) {
  constexpr float c[] = {1.0f,         0.166666142f,  0.0750275732f, 0.0440916167f, 0.0358142393f, -0.00702057915f,
                         0.107400021f, -0.135916271f, 0.123913495f};
  return polynomial(c, t);
}
DEEPRMT_LEAF double arcsine(double t) {
  constexpr double c[] = {1.0,
                          0.16666666666664987,
                          0.075000000004018161,
                          0.044642856762615003,
                          0.030381963396751829,
                          0.022371584779320353,
                          0.017364281439103528,
                          0.01380344589589198,
                          0.013191002571753904,
                          -0.0026015378482996879,
                          0.078716113570021266,
                          -0.29687054306898243,
                          1.0082016650534187,
                          -2.4908808126226117,
                          4.6420689099888434,
                          -6.2292998753979858,
                          5.7579408313146987,
                          -3.2789331567398123,
                          0.8892904367638688};
  return polynomial(c, t);
}

/// sin(angle) - angle cos(angle) = 2 t^(3/2) excess(t).
DEEPRMT_LEAF float excess(float t) {
  constexpr float c[] = {1.33333333f,    0.133333819f,  0.0428370909f,  0.0201522307f,
                         0.00872780597f, 0.0159874239f, -0.0139987942f, 0.0203076094f};
  return polynomial(c, t);
}
DEEPRMT_LEAF double excess(double t) {
  constexpr double c[] = {1.3333333333333334,    0.13333333333328916,    0.042857142865590066,  0.019841269203867231,
                          0.011048005024307382,  0.0068831378889014358,  0.0046368778835806531, 0.0031829746860673445,
                          0.0032305485385125583, -0.0026641144368541922, 0.020343648475703774,  -0.056963718430438925,
                          0.1315713921325892,    -0.20816551373954099,   0.22731526244991159,   -0.15024775029896301,
                          0.048024684583423057};
  return polynomial(c, t);
}

/// exp(y) for y <= 0.
DEEPRMT_LEAF float exp_of(float y) { return exp_negative(std::max(y, -87.0f)); }
DEEPRMT_LEAF double exp_of(double y) { return exp_negative(std::max(y, -708.0)); }

/// (exp(y) - 1) / y, |y| <= 1/4. Its coefficients are constants, and no division is left.
DEEPRMT_LEAF float series_of(float y) {
  constexpr float c[] = {1.0f, 1.0f / 2, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
  return polynomial(c, y);
}
DEEPRMT_LEAF double series_of(double y) {
  constexpr double c[] = {
      1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,       1.0 / 5040,
      1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  return polynomial(c, y);
}

/// 1 - exp(-x), x >= 0.
template <class T>
DEEPRMT_LEAF T one_minus_exp(T x) {
  const T z = std::min(x, T(0.25));
  return x < T(0.25) ? z * series_of(-z) : 1 - exp_of(-x);
}

}  // namespace deeprmt::meanfield
