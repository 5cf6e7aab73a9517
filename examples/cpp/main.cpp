// The singular values of the input-output Jacobian of a random orthogonal tanh network, without Python.
//
//   jacobian_spectrum LIBRARY [WIDTH [DEPTH]]     LIBRARY: a shared BLAS + LAPACK, such as libopenblas.so.0
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deeprmt/core/blas.hpp>
#include <deeprmt/core/instruction_set.hpp>
#include <deeprmt/core/parallel.hpp>
#include <deeprmt/jacobian/chain.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  using namespace deeprmt;
  if (argc < 2) {
    std::cerr << "usage: jacobian_spectrum LIBRARY [WIDTH [DEPTH]]\n";
    return 2;
  }
  try {
    blas::load_library(argv[1]);  // once, before anything else: the core links no BLAS
    const Index width = argc > 2 ? std::atol(argv[2]) : 500, depth = argc > 3 ? std::atol(argv[3]) : 8;
    if (width < 1 || width > 30000 || depth < 1)
      throw std::invalid_argument("WIDTH must be from 1 to 30000 and DEPTH at least 1");

    jacobian::Model<double> model;
    model.widths.assign(depth + 1, width);
    model.kind = jacobian::Weights::haar;
    model.sigma_w = 1.05;
    model.sigma_b = 0.01;
    model.activate = [](const double* h, Index n, double* x, double* slope) {
      for (Index i = 0; i < n; ++i) {
        x[i] = std::tanh(h[i]);
        slope[i] = 1 - x[i] * x[i];
      }
    };

    // Four networks, each with an input of its own on the sphere |x|^2 = n q0. The same key gives the same networks on
    // any machine and any number of threads.
    const std::uint64_t key = 2024;
    const double q0 = 0.1;
    const int threads = std::min(allowed_threads(), static_cast<int>(std::thread::hardware_concurrency()));
    Mat<double> values(4, width);
    jacobian::singular_values<double>(model, key, 0, Mat<double>(0, width), q0, false, values, threads);

    std::cout << "deeprmt on " << blas::provider() << ", " << name(instruction_set()) << ", " << threads
              << " threads\n";
    std::cout << "network  largest  median  smallest  mean square\n";
    for (Index t = 0; t < values.rows(); ++t)
      std::cout << t << "  " << values(t, 0) << "  " << values(t, width / 2) << "  " << values(t, width - 1) << "  "
                << values.row(t).squaredNorm() / static_cast<double>(width) << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
