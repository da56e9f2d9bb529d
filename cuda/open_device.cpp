// The twin of open_device_no_cuda.cpp for builds with the CUDA device.
#include <tierpager/cuda_device.hpp>

namespace tierpager {

result<std::unique_ptr<device>> open_cuda_device(int ordinal) { return cuda_device::open({.ordinal = ordinal}); }

}  // namespace tierpager
