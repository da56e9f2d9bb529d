// The twin of open_device.cpp for builds without the CUDA device.
#include <tierpager/device.hpp>

namespace tierpager {

result<std::unique_ptr<device>> open_cuda_device(int ordinal) {
  return failure{.code = errc::unsupported,
                 .what = "CUDA device " + std::to_string(ordinal) + ": this build has no CUDA device"};
}

}  // namespace tierpager
