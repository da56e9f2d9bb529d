// The two ports, slowed down: a source whose reads and a host device whose copies take as long as a given rate says.
// For `run --disk` and `--link`. Any thread, as the ports demand; the waiting is done by the threads that read, and by
// the copy stream itself, so that copies overlap with what they would overlap with.
#pragma once

#include <memory>

#include <tierpager/device.hpp>
#include <tierpager/source.hpp>
#include <tools/pacer.hpp>

namespace tierpager::tools {

class paced_source final : public source {
 public:
  paced_source(std::shared_ptr<source> real, double bytes_per_second, std::stop_token stop)
      : real_(std::move(real)), bytes_per_second_(bytes_per_second), pacer_(std::move(stop)) {}

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;

 private:
  std::shared_ptr<source> const real_;
  double const bytes_per_second_;
  pacer pacer_;
};

class paced_device final : public device {
 public:
  /// `real` is a host device, whose streams are host streams.
  paced_device(std::shared_ptr<device> real, double bytes_per_second, std::stop_token stop)
      : real_(std::move(real)), bytes_per_second_(bytes_per_second), link_(std::make_shared<link>(std::move(stop))) {}

  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override;

  [[nodiscard]] std::string_view name() const override { return real_->name(); }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override { return real_->granule_bytes(where); }
  [[nodiscard]] bool ram_is_page_locked() const override { return real_->ram_is_page_locked(); }
  [[nodiscard]] bool can_remap(tier where) const override { return real_->can_remap(where); }
  [[nodiscard]] std::uint64_t overhead_bytes(tier where) const override { return real_->overhead_bytes(where); }
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override { return real_->checksum_scratch_bytes(); }
  void prepare_thread() noexcept override { real_->prepare_thread(); }
  [[nodiscard]] stream_ref copy_stream() override { return real_->copy_stream(); }
  result<std::uint64_t> free_vram_bytes() override { return real_->free_vram_bytes(); }
  result<std::byte*> reserve(tier where, std::uint64_t bytes) override { return real_->reserve(where, bytes); }
  status commit(tier where, byte_range range) override { return real_->commit(where, range); }
  status decommit(tier where, byte_range range) override { return real_->decommit(where, range); }
  result<bool> capturing(stream_ref stream) override { return real_->capturing(stream); }
  result<fence> record(stream_ref stream) override { return real_->record(stream); }
  status wait(stream_ref stream, fence until) override { return real_->wait(stream, until); }
  result<bool> passed(fence which) override { return real_->passed(which); }
  status retire(stream_ref stream) override { return real_->retire(stream); }
  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                        std::span<std::byte> scratch) override {
    return real_->checksum_async(stream, data, result, scratch);
  }
  tierpager::result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override {
    return real_->read_back(stream, from);
  }
  result<stream_ref> make_stream() override { return real_->make_stream(); }

 private:
  struct link {
    explicit link(std::stop_token stop) : pace(std::move(stop)) {}
    pacer pace;
    pacer::clock::time_point due;  // of the copy that runs; the copy stream's alone
  };

  std::shared_ptr<device> const real_;
  double const bytes_per_second_;
  std::shared_ptr<link> const link_;  // the copy stream may outlive this
};

/// Queues work that takes so long and does nothing on a stream of the host device.
void queue_work(stream_ref stream, std::shared_ptr<pacer> const& pace, double seconds);

}  // namespace tierpager::tools
