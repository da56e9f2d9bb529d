// A device that passes every call on to another one: the base of what watches, slows or fails some calls of a device and
// leaves the rest alone. Any thread, as the port demands. Keeps nothing of its own; streams and fences are the real
// device's.
#pragma once

#include <memory>
#include <utility>

#include <tierpager/device.hpp>
#include <tierpager/export.hpp>

namespace tierpager {

/// Derive from it and override what is to be done otherwise; `real()` does what the call stands for.
class TIERPAGER_EXPORT forwarding_device : public device {
 public:
  [[nodiscard]] std::string_view name() const override { return real_->name(); }
  [[nodiscard]] stream_kind takes() const override { return real_->takes(); }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override { return real_->granule_bytes(where); }
  [[nodiscard]] bool ram_is_page_locked() const override { return real_->ram_is_page_locked(); }
  [[nodiscard]] std::optional<failure> page_lock_failure() const override { return real_->page_lock_failure(); }
  [[nodiscard]] bool vram_is_ram() const override { return real_->vram_is_ram(); }
  [[nodiscard]] bool can_remap(tier where) const override { return real_->can_remap(where); }
  [[nodiscard]] std::uint64_t overhead_bytes(tier where) const override { return real_->overhead_bytes(where); }
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override { return real_->checksum_scratch_bytes(); }
  void prepare_thread() noexcept override { real_->prepare_thread(); }
  [[nodiscard]] stream_ref copy_stream() override { return real_->copy_stream(); }
  result<std::uint64_t> free_vram_bytes() override { return real_->free_vram_bytes(); }
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override { return real_->reserve(where, bytes); }
  status commit(tier where, byte_range range) override { return real_->commit(where, range); }
  status decommit(tier where, byte_range range) override { return real_->decommit(where, range); }
  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override {
    return real_->copy_async(vram_offset, ram_offset, bytes);
  }
  result<bool> capturing(stream_ref stream) override { return real_->capturing(stream); }
  result<fence> record(stream_ref stream) override { return real_->record(stream); }
  status wait(stream_ref stream, fence until) override { return real_->wait(stream, until); }
  result<bool> passed(fence which) override { return real_->passed(which); }
  status retire(stream_ref stream) override { return real_->retire(stream); }
  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* sum,
                        std::span<std::byte> scratch) override {
    return real_->checksum_async(stream, data, sum, scratch);
  }
  result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override {
    return real_->read_back(stream, from);
  }
  result<stream_ref> make_stream() override { return real_->make_stream(); }

 protected:
  /// `real` may be another forwarding device.
  explicit forwarding_device(std::shared_ptr<device> real) : real_(std::move(real)) {}
  /// The device that calls are passed on to.
  [[nodiscard]] device& real() const { return *real_; }

 private:
  std::shared_ptr<device> const real_;
};

}  // namespace tierpager
