// What a CUDA device is made of, in the order in which it is taken down, last first. Any thread, as each part says; built
// by cuda_device::open alone, and constant once it has returned but for what the parts lock themselves.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <cuda/bounce_buffer.hpp>
#include <cuda/pinned_arena.hpp>
#include <cuda/stream_table.hpp>
#include <cuda/vram_memory.hpp>
#include <cuda/word_pool.hpp>
#include <tierpager/cuda_device.hpp>

namespace tierpager {

struct cuda_device::parts {
  parts(cuda_device_options const& asked, std::shared_ptr<primary_context> in)
      : options(asked), context(std::move(in)), state(context->state()) {}
  parts(parts const&) = delete;
  parts& operator=(parts const&) = delete;
  ~parts();

  /// Everything that a device needs but its arenas' addresses. The device must be current.
  status build();

  cuda_device_options const options;
  std::shared_ptr<primary_context> const context;
  device_state& state;
  stream_table streams{*context};
  word_pool words{state};
  std::unique_ptr<vram_memory> vram;
  cudaStream_t copies = nullptr;
  std::unique_ptr<pinned_arena> ram;
  std::optional<failure> why_no_checksum;   // this build has no kernels for the GPU
  std::optional<failure> why_no_page_lock;  // what the driver said; none where it was not to be asked
  std::unique_ptr<bounce_buffer> bounce;    // where RAM cannot be page-locked
  std::mutex made_mutex;
  std::vector<cudaStream_t> made;
};

}  // namespace tierpager
