// A CUDA device on the stand-in runtime, for tests of its parts: every call that is made steps the streams, unless they
// are held, and whatever was live or broke a rule at the end is a failure. One thread, unless a test says otherwise.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/scratch_file.hpp>
#include <tierpager/cuda_device.hpp>

namespace tierpager::tests {

class cuda_device_on_standin : public ::testing::Test {
 protected:
  static constexpr std::uint64_t page = 4096;
  static constexpr std::uint64_t granule = 65'536;
  static constexpr std::uint64_t arena_bytes = 64 * granule;

  ~cuda_device_on_standin() override {
    cuda_standin::on_call({});
    cuda_standin::on_return({});
  }
  void TearDown() override {
    device_.reset();
    EXPECT_EQ(cuda_standin::live().objects(), 0U);
    for (std::string const& each : cuda_standin::violations()) ADD_FAILURE() << each;
    cuda_standin::reset({});  // joins the threads of the streams, where they have any
  }

  /// Granules of 64 KiB, arenas of 64 of them.
  void open(cuda_standin::world_options const& world = {}, cuda_device_options options = {}) {
    cuda_standin::reset(world);
    options.vram_granule_bytes_min = granule;
    options.events = 2;
    device_ = value_or_throw(cuda_device::open(options));
    vram_ = value_or_throw(device_->reserve(tier::vram, arena_bytes));
    ram_ = value_or_throw(device_->reserve(tier::ram, arena_bytes));
    cuda_standin::on_call([](cuda_standin::call) { cuda_standin::step(); });
  }
  /// Nothing runs but by step() and run_all().
  static void stop_stepping() { cuda_standin::on_call({}); }
  device& port() { return *device_; }
  cudaStream_t stream() { return cuda(value_or_throw(device_->make_stream())); }
  static cudaStream_t cuda(stream_ref stream) { return static_cast<cudaStream_t>(stream.get()); }
  void commit(tier where, byte_range range) { value_or_throw(device_->commit(where, range)); }
  void fill_ram(std::uint64_t offset, std::span<std::byte const> content) { std::ranges::copy(content, ram_ + offset); }
  std::vector<std::byte> ram_content(byte_range range) const { return {ram_ + range.offset, ram_ + range.end()}; }
  void until_passed(fence which) {
    while (!value_or_throw(device_->passed(which))) cuda_standin::step();
  }
  /// Device memory, once everything queued has run.
  std::vector<std::byte> vram_content(byte_range range) {
    cuda_standin::run_all();
    return {vram_ + range.offset, vram_ + range.end()};
  }
  /// Copies the range to the same offset of VRAM and says whether its bytes arrive.
  bool copies_right(byte_range range) {
    auto const copied = device_->copy_async(range.offset, range.offset, range.bytes);
    if (!copied.ok()) return false;
    until_passed(*copied);
    return same_bytes(vram_content(range), ram_content(range));
  }
  static std::uint64_t calls(cuda_standin::call kind) { return cuda_standin::calls(kind); }

  std::unique_ptr<device> device_;
  std::byte* vram_ = nullptr;
  std::byte* ram_ = nullptr;
};

}  // namespace tierpager::tests
