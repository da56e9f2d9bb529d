// Address space of the host that is backed with pages piece by piece. Any thread, except that calls for one range never
// overlap; reserve once. Locks nothing and knows no CUDA: what is registered with the driver must not be given back.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

enum class touch_pages : std::uint8_t { no, yes };

class host_pages {
 public:
  host_pages();
  host_pages(host_pages const&) = delete;
  host_pages& operator=(host_pages const&) = delete;
  ~host_pages();

  [[nodiscard]] std::uint64_t page_bytes() const { return page_bytes_; }
  /// Aligned to huge pages.
  result<std::byte*> reserve(std::uint64_t bytes);
  /// With `touch`, the pages are there afterwards: by several threads where there are many.
  status commit(byte_range range, touch_pages touch);
  status give_back(byte_range range);

  /// Null before reserve.
  [[nodiscard]] std::byte* base() const { return base_.load(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(); }

 private:
  std::uint64_t const page_bytes_;
  void* mapping_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::byte*> base_ = nullptr;
};

}  // namespace tierpager
