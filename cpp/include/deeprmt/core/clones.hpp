// Run-time dispatch of leaf functions: plain loops, compiled once for each instruction set. Never on Eigen code.
#pragma once

#include <cstdlib>  // defines __GLIBC__, if this is glibc

// x86-64-v4 is a name of clones since GCC 12 and Clang 17; an older compiler builds the plain loop alone.
#if defined(__clang__)
#define DEEPRMT_KNOWS_CLONES (__clang_major__ >= 17)
#elif defined(__GNUC__)
#define DEEPRMT_KNOWS_CLONES (__GNUC__ >= 12)
#else
#define DEEPRMT_KNOWS_CLONES 0
#endif

#if DEEPRMT_KNOWS_CLONES && defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__)
#define DEEPRMT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPRMT_CLONES
#endif
