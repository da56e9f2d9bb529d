// The checksum of `verify` on the device: kernels that the CUDA compiler builds, apart from everything else in cuda/, so
// that a test can put another definition in their place. Any thread, inside a call_guard. Waits and allocates in
// prepare_checksum only.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

namespace tierpager {

/// Device memory that one checksum under way needs.
[[nodiscard]] std::uint64_t checksum_scratch_bytes();
/// Loads the kernels on the current device, so that the first checksum does not. Once a device, before the others.
cudaError_t prepare_checksum(cudaStream_t stream);
/// Writes checksum.hpp's value for `bytes` at `data` to the 8 bytes at `result`, in the order of the stream. `data` and
/// `result` are aligned to 8, `scratch` to 256.
cudaError_t queue_checksum(cudaStream_t stream, std::byte const* data, std::uint64_t bytes, std::byte* result,
                           void* scratch, std::size_t scratch_bytes);

}  // namespace tierpager
