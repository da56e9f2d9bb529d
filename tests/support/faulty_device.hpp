// A device that fails when told to, over one that works. Any thread. Streams of the real one are passed through, so it
// does not see what is queued on them.
#pragma once

#include <atomic>
#include <memory>

#include <tests/support/fault_plan.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::tests {

enum class device_call : std::uint8_t {
  free_vram_bytes,
  reserve,
  commit,
  decommit,
  copy_async,
  capturing,
  record,
  wait,
  passed,
  retire,
  checksum_async,
  read_back,
  make_stream,
};
inline constexpr std::size_t device_calls = 13;
using device_faults = fault_plan<device_call>;

class faulty_device final : public forwarding_device {
 public:
  explicit faulty_device(std::shared_ptr<device> real);

  /// `carried_out` matters to calls that queue work (copy, wait, checksum) or change memory: it is done, then reported
  /// as failed.
  void fail(device_faults plan) { faults_.set(std::move(plan)); }
  void lift() { faults_.lift(); }
  /// From now on every fallible call fails with device_lost, as on a dead context. Cannot be lifted.
  void lose() { lost_ = true; }
  [[nodiscard]] std::uint64_t calls() const { return faults_.calls(); }
  [[nodiscard]] std::uint64_t calls(device_call kind) const { return faults_.calls(kind); }
  [[nodiscard]] std::uint64_t failed() const { return faults_.failed(); }

  result<std::uint64_t> free_vram_bytes() override;
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override;
  status commit(tier where, byte_range range) override;
  status decommit(tier where, byte_range range) override;
  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override;
  result<bool> capturing(stream_ref stream) override;
  result<fence> record(stream_ref stream) override;
  status wait(stream_ref stream, fence until) override;
  result<bool> passed(fence which) override;
  status retire(stream_ref stream) override;
  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                        std::span<std::byte> scratch) override;
  tierpager::result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override;
  result<stream_ref> make_stream() override;

 private:
  /// Makes the call, or fails it, or both.
  template <class Call>
  auto through(device_call kind, Call call) -> decltype(call());

  std::atomic<bool> lost_ = false;
  fault_counter<device_call> faults_{device_calls, errc::device_failed};
};

}  // namespace tierpager::tests
