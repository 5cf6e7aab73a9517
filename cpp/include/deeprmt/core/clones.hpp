// Run-time dispatch of leaf functions: plain loops, compiled once for each instruction set. Never on Eigen code.
#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__)
#define DEEPRMT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPRMT_CLONES
#endif
