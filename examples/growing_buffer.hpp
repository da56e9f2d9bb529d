// Memory that grows beside a pager, as a cache does while a program computes. For shrinking_budget.cpp, which is built
// with one of growing_buffer_host.cpp and growing_buffer_cuda.cpp; one thread. It does not shrink.
#pragma once

#include <cstdint>
#include <vector>

#include <tierpager/open.hpp>

class growing_buffer {
 public:
  /// Where it lies, and the pager beside it.
  static tierpager::device_kind place();

  growing_buffer() = default;
  growing_buffer(growing_buffer const&) = delete;
  growing_buffer& operator=(growing_buffer const&) = delete;
  ~growing_buffer();

  /// Throws tierpager::error where the memory is not there.
  void grow(std::uint64_t bytes);

 private:
  std::vector<void*> pieces_;
};
