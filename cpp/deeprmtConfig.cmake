# find_package(deeprmt) gives deeprmt::deeprmt, the C++ core: see docs/cpp.md.
include(CMakeFindDependencyMacro)

# Beside an installed wheel, Eigen may come from the Python package cmeel-eigen; else it is the system's.
find_package(Eigen3 3.4 QUIET NO_MODULE HINTS "${CMAKE_CURRENT_LIST_DIR}/../../../../cmeel.prefix")
find_dependency(Eigen3 3.4 NO_MODULE)
find_dependency(OpenMP COMPONENTS CXX)

include("${CMAKE_CURRENT_LIST_DIR}/deeprmtTargets.cmake")
