# tierpager_thrust_cpp: the toolkit's Thrust for tests that the host compiler compiles, its algorithms run on the CPU (the CPP
# system). nvcc finds Thrust by itself.
set(tierpager_thrust_places ${CUDAToolkit_INCLUDE_DIRS})
list(TRANSFORM tierpager_thrust_places APPEND "/cccl" OUTPUT_VARIABLE tierpager_thrust_inner_places)
find_path(tierpager_thrust_dir thrust/version.h REQUIRED NO_CACHE NO_DEFAULT_PATH
  PATHS ${tierpager_thrust_inner_places} ${tierpager_thrust_places})

add_library(tierpager_thrust_cpp INTERFACE)
target_include_directories(tierpager_thrust_cpp SYSTEM INTERFACE "${tierpager_thrust_dir}")
target_compile_definitions(tierpager_thrust_cpp INTERFACE THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP)
