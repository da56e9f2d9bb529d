# tierpager_thrust_cpp: Thrust with its sequential CPU backend, from the CUDA toolkit's headers where there is a
# toolkit, else from the system's.
find_package(CUDAToolkit QUIET)
find_path(TIERPAGER_THRUST_INCLUDE thrust/transform_reduce.h
  HINTS ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES cccl REQUIRED)
add_library(tierpager_thrust_cpp INTERFACE)
target_include_directories(tierpager_thrust_cpp SYSTEM INTERFACE ${TIERPAGER_THRUST_INCLUDE})
target_compile_definitions(tierpager_thrust_cpp INTERFACE THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP)
