// The two ports, slowed down: a source whose reads and a host device whose copies take as long as a given rate says.
// For `run --disk` and `--link`. Any thread, as the ports demand; the waiting is done by the threads that read, and by
// the copy stream itself, so that copies overlap with what they would overlap with.
#pragma once

#include <memory>

#include <tierpager/forwarding_device.hpp>
#include <tierpager/source.hpp>
#include <tools/pacer.hpp>

namespace tierpager::tools {

class paced_source final : public source {
 public:
  paced_source(std::shared_ptr<source> real, double bytes_per_second, std::stop_token stop)
      : real_(std::move(real)), bytes_per_second_(bytes_per_second), pacer_(std::move(stop)) {}

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;
  [[nodiscard]] std::optional<std::uint64_t> bytes_of(std::uint32_t file) const override {
    return real_->bytes_of(file);
  }

 private:
  std::shared_ptr<source> const real_;
  double const bytes_per_second_;
  pacer pacer_;
};

class paced_device final : public forwarding_device {
 public:
  /// `real` is a host device, whose streams are host streams.
  paced_device(std::shared_ptr<device> real, double bytes_per_second, std::stop_token stop)
      : forwarding_device(std::move(real)),
        bytes_per_second_(bytes_per_second),
        link_(std::make_shared<link>(std::move(stop))) {}

  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override;
  /// How much has come over the link until then.
  [[nodiscard]] std::uint64_t copied_bytes(pacer::clock::time_point until) const;

 private:
  struct link {
    explicit link(std::stop_token stop) : pace(std::move(stop)) {}
    pacer pace;
    pacer::clock::time_point due;  // of the copy that runs; the copy stream's alone
  };

  double const bytes_per_second_;
  std::shared_ptr<link> const link_;  // the copy stream may outlive this
};

/// Queues work that takes so long and does nothing on a stream of the host device.
void queue_work(stream_ref stream, std::shared_ptr<pacer> const& pace, double seconds);

}  // namespace tierpager::tools
