// The C++ tests hold what Python cannot see: throws inside threads, BLAS's threads, forks, layouts, messages.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "deeprmt/core/blas.hpp"

int main(int argc, char** argv) {
  deeprmt::blas::load_library(DEEPRMT_BLAS_LIBRARY);
  return doctest::Context(argc, argv).run();
}
