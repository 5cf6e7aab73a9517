# find_package(deeprmt) gives deeprmt::deeprmt, the C++ core: see docs/cpp.md.
include(CMakeFindDependencyMacro)

# Beside an installed wheel, Eigen may come from the Python package cmeel-eigen; else it is the system's, or that package
# wherever the Python at hand has it.
find_package(Eigen3 3.4 QUIET NO_MODULE HINTS "${CMAKE_CURRENT_LIST_DIR}/../../../../cmeel.prefix")
if(NOT Eigen3_FOUND)
  find_package(Python 3.11 QUIET COMPONENTS Interpreter)
  if(Python_Interpreter_FOUND)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" -c "
import importlib.metadata as m
files = [f for f in m.files('cmeel-eigen') or () if f.name == 'Eigen3Config.cmake']
print(files[0].locate().resolve().parent)"
      OUTPUT_VARIABLE deeprmt_eigen_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_package(Eigen3 3.4 QUIET NO_MODULE HINTS "${deeprmt_eigen_dir}")
  endif()
endif()
if(NOT Eigen3_FOUND)
  set(${CMAKE_FIND_PACKAGE_NAME}_FOUND FALSE)
  set(${CMAKE_FIND_PACKAGE_NAME}_NOT_FOUND_MESSAGE
      "deeprmt needs Eigen 3.4: pip install cmeel-eigen==3.4.1, or install the system's and set Eigen3_DIR.")
  return()
endif()
find_dependency(OpenMP COMPONENTS CXX)

include("${CMAKE_CURRENT_LIST_DIR}/deeprmtTargets.cmake")
