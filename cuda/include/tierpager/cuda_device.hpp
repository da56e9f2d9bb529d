// The CUDA device: VRAM mapped piece by piece where the driver can, page-locked RAM, one copy stream, fences that are
// pooled events. Threads and failures as device.hpp says; docs/cuda.md says which CUDA calls are made where. A device
// takes one GPU's primary context as it finds it, sets no flags and resets nothing.
#pragma once

#include <memory>
#include <vector>

#include <tierpager/device.hpp>
#include <tierpager/export.hpp>

namespace tierpager {

/// What of the driver to use. The defaults suit; the others are for tests and for machines that lack something.
struct cuda_device_options {
  int ordinal = 0;            // which GPU, as CUDA counts them
  bool use_vmm = true;        // where the driver has it; else the VRAM budget is allocated once and cannot change
  bool page_lock_ram = true;  // where the driver registers memory; else copies go through a page-locked bounce buffer
  std::uint64_t staging_slots = 2;                                 // of that buffer
  std::uint64_t staging_bytes = std::uint64_t{4} << 20U;           // a slot
  std::uint64_t vram_granule_bytes_min = std::uint64_t{2} << 20U;  // the driver may ask for more
  std::uint64_t events = 128;                                      // made when the device is opened; more when needed
  std::uint64_t ram_segment_bytes_max = std::uint64_t{1} << 30U;   // of one registration
};

/// One GPU.
class TIERPAGER_EXPORT cuda_device final : public device {
 public:
  /// `unsupported` where there is no GPU, no driver, or one older than the toolkit of this build; `invalid_argument`
  /// for an ordinal that no GPU has.
  static result<std::unique_ptr<device>> open(cuda_device_options const& options);
  ~cuda_device() override;

  [[nodiscard]] std::string_view name() const override { return "cuda"; }
  [[nodiscard]] stream_kind takes() const override { return stream_kind::cuda; }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override;
  [[nodiscard]] bool ram_is_page_locked() const override;
  [[nodiscard]] std::optional<failure> page_lock_failure() const override;
  [[nodiscard]] bool vram_is_ram() const override { return false; }
  [[nodiscard]] bool can_remap(tier where) const override;
  [[nodiscard]] std::uint64_t overhead_bytes(tier where) const override;
  result<std::uint64_t> free_vram_bytes() override;
  void prepare_thread() noexcept override;

  result<std::byte*> reserve(tier where, std::uint64_t bytes) override;
  status commit(tier where, byte_range range) override;
  status decommit(tier where, byte_range range) override;

  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override;
  [[nodiscard]] stream_ref copy_stream() override;
  result<bool> capturing(stream_ref stream) override;
  result<fence> record(stream_ref stream) override;
  status wait(stream_ref stream, fence until) override;
  result<bool> passed(fence which) override;
  status retire(stream_ref stream) override;

  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                        std::span<std::byte> scratch) override;
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override;
  tierpager::result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override;
  result<stream_ref> make_stream() override;

 private:
  struct TIERPAGER_NO_EXPORT parts;

  explicit cuda_device(std::unique_ptr<parts> all);
  [[nodiscard]] status check_vram(std::byte const* at, std::uint64_t bytes, char const* what) const;
  status copy_pieces(std::byte* target, std::uint64_t ram_offset, std::vector<byte_range> const& pieces);

  std::unique_ptr<parts> parts_;  // constant until the end
};

}  // namespace tierpager
