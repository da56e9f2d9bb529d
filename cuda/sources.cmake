# What the CUDA device is made of, for whoever builds it: here against a toolkit, in the tests against a stand-in. The
# kernels are a file of their own, which the tests replace.
set(tierpager_cuda_sources
  call_guard.cpp
  cuda_check.cpp
  cuda_device.cpp
  device_parts.cpp
  driver_entry.cpp
  event_pool.cpp
  host_pages.cpp
  malloc_arena.cpp
  open_device.cpp
  pinned_arena.cpp
  primary_context.cpp
  relaxed_capture.cpp
  bounce_buffer.cpp
  stream_table.cpp
  vram_arena.cpp
  word_pool.cpp
)
list(TRANSFORM tierpager_cuda_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
set(tierpager_cuda_kernels "${CMAKE_CURRENT_LIST_DIR}/checksum.cu")
