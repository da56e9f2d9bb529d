// What stands in for the checksum's kernels on a machine without a GPU, and what a test can have it answer. Any thread; what
// a test has set lasts until it sets something else.
#pragma once

#include <cuda_runtime_api.h>

namespace tierpager::tests {

/// From now on loading the kernels ends with this: cudaErrorNoKernelImageForDevice as where the build has none for the GPU.
void answer_loading_of_kernels_with(cudaError_t code);

}  // namespace tierpager::tests
