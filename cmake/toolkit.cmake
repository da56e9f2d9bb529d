# TIERPAGER_CUDA: AUTO looks for a CUDA toolkit and uses what it finds, ON insists, OFF does not look. Sets
# TIERPAGER_HAS_CUDA where the CUDA device is built, and then enables the CUDA language for its kernels; `tierpager_cudart`
# names the runtime library that TIERPAGER_CUDART chooses.
set(TIERPAGER_CUDA AUTO CACHE STRING "Use a CUDA toolkit: AUTO (where one is found), ON, OFF")
set_property(CACHE TIERPAGER_CUDA PROPERTY STRINGS AUTO ON OFF)
set(TIERPAGER_CUDART static CACHE STRING "Which CUDA runtime library to link: static, shared")
set_property(CACHE TIERPAGER_CUDART PROPERTY STRINGS static shared)
set(tierpager_toolkit_oldest 12.5)  # the first that looks driver functions up by version

string(TOUPPER "${TIERPAGER_CUDA}" tierpager_cuda)
set(TIERPAGER_HAS_CUDA OFF)
set(tierpager_no_toolkit "no CUDA toolkit was found")
if(tierpager_cuda STREQUAL "AUTO" OR tierpager_cuda STREQUAL "ON")
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_VERSION VERSION_LESS tierpager_toolkit_oldest)
    set(tierpager_no_toolkit
      "the CUDA toolkit found is ${CUDAToolkit_VERSION}, and ${tierpager_toolkit_oldest} is the oldest that will do")
  elseif(CUDAToolkit_FOUND AND NOT CUDAToolkit_NVCC_EXECUTABLE AND NOT CMAKE_CUDA_COMPILER)
    set(tierpager_no_toolkit "the CUDA toolkit found in ${CUDAToolkit_BIN_DIR} has no nvcc")
  elseif(CUDAToolkit_FOUND)
    set(TIERPAGER_HAS_CUDA ON)
  endif()
elseif(NOT tierpager_cuda STREQUAL "OFF")
  message(FATAL_ERROR "TIERPAGER_CUDA is '${TIERPAGER_CUDA}': say AUTO, ON or OFF")
endif()
if(NOT TIERPAGER_CUDART MATCHES "^(static|shared)$")
  message(FATAL_ERROR "TIERPAGER_CUDART is '${TIERPAGER_CUDART}': say static or shared")
endif()

if(TIERPAGER_HAS_CUDA)
  # The toolkit may be installed without being on PATH. What is chosen here is a project's that takes this one in only
  # as far as CMake itself remembers it: the compiler.
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}" CACHE FILEPATH "The CUDA compiler")
  endif()
  # nvcc is particular about its host compiler, so it gets g++ whatever compiles the rest.
  find_program(tierpager_nvcc_host g++)
  mark_as_advanced(tierpager_nvcc_host)
  if(tierpager_nvcc_host AND NOT CMAKE_CUDA_HOST_COMPILER AND NOT DEFINED ENV{CUDAHOSTCXX})
    set(CMAKE_CUDA_HOST_COMPILER "${tierpager_nvcc_host}" CACHE FILEPATH "What nvcc compiles host code with")
  endif()
  set(tierpager_architectures "75;80;86;89;90")
  if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.8)
    list(APPEND tierpager_architectures 100 120)  # older compilers do not know them
  endif()
  if(PROJECT_IS_TOP_LEVEL)
    set(CMAKE_CUDA_ARCHITECTURES "${tierpager_architectures}" CACHE STRING "The GPUs to build kernels for")
  elseif(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "${tierpager_architectures}")
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_COMPILE_FEATURES "cuda_std_20")
    list(APPEND CMAKE_CUDA_COMPILE_FEATURES "cuda_std_20")
  endif()
  set(tierpager_cudart $<IF:$<STREQUAL:${TIERPAGER_CUDART},shared>,CUDA::cudart,CUDA::cudart_static>)
  message(STATUS "TIERPAGER_CUDA=${tierpager_cuda}: toolkit ${CUDAToolkit_VERSION} found in ${CUDAToolkit_BIN_DIR}, "
    "${TIERPAGER_CUDART} runtime, kernels for ${CMAKE_CUDA_ARCHITECTURES}")
elseif(tierpager_cuda STREQUAL "ON")
  message(FATAL_ERROR "TIERPAGER_CUDA=ON, but ${tierpager_no_toolkit}. Put its nvcc on PATH, set CUDAToolkit_ROOT to "
    "where it is installed, or build without it: -DTIERPAGER_CUDA=AUTO or OFF")
elseif(tierpager_cuda STREQUAL "AUTO")
  message(STATUS "TIERPAGER_CUDA=AUTO: ${tierpager_no_toolkit}; building without the CUDA device")
else()
  message(STATUS "TIERPAGER_CUDA=OFF: building without the CUDA device")
endif()
