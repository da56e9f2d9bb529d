// A device that meters one that works: the bytes committed in each tier, and how often it was called. Any thread.
// Shows what a pager really held, whatever it says itself.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include <tierpager/device.hpp>

namespace tierpager::test {

class metered_device final : public device {
 public:
  explicit metered_device(std::shared_ptr<device> real) : real_(std::move(real)) {}

  [[nodiscard]] std::uint64_t committed_bytes(tier where) const { return of(where).committed; }
  [[nodiscard]] std::uint64_t peak_bytes(tier where) const { return of(where).peak; }
  /// Calls that may fail, of any kind.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

  [[nodiscard]] std::string_view name() const override { return real_->name(); }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override { return real_->granule_bytes(where); }
  [[nodiscard]] bool ram_is_page_locked() const override { return real_->ram_is_page_locked(); }
  [[nodiscard]] bool can_remap(tier where) const override { return real_->can_remap(where); }
  [[nodiscard]] std::uint64_t overhead_bytes(tier where) const override { return real_->overhead_bytes(where); }
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override { return real_->checksum_scratch_bytes(); }
  void prepare_thread() noexcept override { real_->prepare_thread(); }
  [[nodiscard]] stream_ref copy_stream() override { return real_->copy_stream(); }
  result<std::uint64_t> free_vram_bytes() override { return counted().free_vram_bytes(); }
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override { return counted().reserve(where, bytes); }
  status commit(tier where, byte_range range) override {
    status const done = counted().commit(where, range);
    meter& one = meters_[static_cast<std::size_t>(where)];
    if (done.ok()) one.committed += range.bytes;  // commit and decommit of one tier never overlap
    if (one.peak < one.committed) one.peak = one.committed.load();
    return done;
  }
  status decommit(tier where, byte_range range) override {
    status const done = counted().decommit(where, range);
    if (done.ok()) meters_[static_cast<std::size_t>(where)].committed -= range.bytes;
    return done;
  }
  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override {
    return counted().copy_async(vram_offset, ram_offset, bytes);
  }
  result<bool> capturing(stream_ref stream) override { return counted().capturing(stream); }
  result<fence> record(stream_ref stream) override { return counted().record(stream); }
  status wait(stream_ref stream, fence until) override { return counted().wait(stream, until); }
  result<bool> passed(fence which) override { return counted().passed(which); }
  status retire(stream_ref stream) override { return counted().retire(stream); }
  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                        std::span<std::byte> scratch) override {
    return counted().checksum_async(stream, data, result, scratch);
  }
  tierpager::result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override {
    return counted().read_back(stream, from);
  }
  result<stream_ref> make_stream() override { return counted().make_stream(); }

 private:
  struct meter {
    std::atomic<std::uint64_t> committed = 0;
    std::atomic<std::uint64_t> peak = 0;
  };
  [[nodiscard]] meter const& of(tier where) const { return meters_[static_cast<std::size_t>(where)]; }
  device& counted() {
    ++calls_;
    return *real_;
  }

  std::shared_ptr<device> const real_;
  std::array<meter, 2> meters_;
  std::atomic<std::uint64_t> calls_ = 0;
};

}  // namespace tierpager::test
