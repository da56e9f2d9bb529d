# TIERPAGER_CUDA: AUTO looks for a CUDA toolkit and uses what it finds, ON insists, OFF does not look.
# Sets CUDAToolkit_FOUND and CUDAToolkit_INCLUDE_DIRS. The CUDA language is not enabled: no nvcc is run on our code.
set(TIERPAGER_CUDA AUTO CACHE STRING "Use a CUDA toolkit: AUTO (where one is found), ON, OFF")
set_property(CACHE TIERPAGER_CUDA PROPERTY STRINGS AUTO ON OFF)

string(TOUPPER "${TIERPAGER_CUDA}" tierpager_cuda)
if(tierpager_cuda STREQUAL "AUTO" OR tierpager_cuda STREQUAL "ON")
  find_package(CUDAToolkit QUIET)
elseif(NOT tierpager_cuda STREQUAL "OFF")
  message(FATAL_ERROR "TIERPAGER_CUDA is '${TIERPAGER_CUDA}': say AUTO, ON or OFF")
endif()

if(CUDAToolkit_FOUND)
  message(STATUS "TIERPAGER_CUDA=${tierpager_cuda}: toolkit ${CUDAToolkit_VERSION} found in ${CUDAToolkit_BIN_DIR}. "
    "This version uses its Thrust headers only; it has no CUDA device yet")
elseif(tierpager_cuda STREQUAL "ON")
  message(FATAL_ERROR "TIERPAGER_CUDA=ON, but no CUDA toolkit was found. Put its nvcc on PATH, set CUDAToolkit_ROOT to "
    "where it is installed, or build without it: -DTIERPAGER_CUDA=AUTO or OFF")
elseif(tierpager_cuda STREQUAL "AUTO")
  message(STATUS "TIERPAGER_CUDA=AUTO: no toolkit found, building without one")
else()
  message(STATUS "TIERPAGER_CUDA=OFF: building without a toolkit")
endif()
