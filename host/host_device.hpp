// The reference device: both tiers in host memory, streams that are threads, fences that are positions in their
// queues. The same code path as a GPU with another port. Every member from any thread, as device.hpp says; none throws
// but the constructor. Misuse that a GPU would turn into wrong bytes is refused here, or crashes.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <host/host_arena.hpp>
#include <host/threading.hpp>
#include <tierpager/device.hpp>
#include <tierpager/host_stream.hpp>

namespace tierpager {

struct host_device_options {
  std::uint64_t granule_bytes = 4096;
  std::uint64_t vram_granule_bytes = 0;  // of the VRAM tier; 0: the same
  /// Reported as free while nothing is committed, and not enforced. 0: a third of what `auto` gives the RAM tier, a
  /// quarter of what this process may take, so that both tiers on `auto` fit into one memory.
  std::uint64_t vram_bytes = 0;
  std::uint64_t jitter_seed = 0;  // non-zero: streams pause at seeded points, so that a missing fence gives wrong bytes
  bool lock_pages = true;         // where the system allows it
  bool poison = false;            // fresh memory holds a pattern, not zeros
};

class host_device final : public device {
 public:
  /// Throws std::system_error where the system gives no thread for the copy stream.
  explicit host_device(host_device_options const& options = {});
  ~host_device() override;

  [[nodiscard]] std::string_view name() const override { return "host"; }
  [[nodiscard]] stream_kind takes() const override { return stream_kind::host; }
  [[nodiscard]] std::uint64_t granule_bytes(tier where) const override {
    bool const own = where == tier::vram && options_.vram_granule_bytes != 0;
    return own ? options_.vram_granule_bytes : options_.granule_bytes;
  }
  [[nodiscard]] bool ram_is_page_locked() const override { return ram_.locks_pages(); }
  [[nodiscard]] std::optional<failure> page_lock_failure() const override;
  [[nodiscard]] bool vram_is_ram() const override { return true; }
  [[nodiscard]] bool can_remap(tier) const override { return true; }
  [[nodiscard]] std::uint64_t overhead_bytes(tier) const override { return 0; }
  result<std::uint64_t> free_vram_bytes() override;
  void prepare_thread() noexcept override {}

  result<std::byte*> reserve(tier where, std::uint64_t bytes) override { return arena(where).reserve(bytes); }
  status commit(tier where, byte_range range) override { return arena(where).commit(range); }
  status decommit(tier where, byte_range range) override { return arena(where).decommit(range); }

  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override;
  [[nodiscard]] stream_ref copy_stream() override { return copies_; }
  result<bool> capturing(stream_ref stream) override;
  result<fence> record(stream_ref stream) override;
  status wait(stream_ref stream, fence until) override;
  result<bool> passed(fence which) override;
  status retire(stream_ref stream) override;

  status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                        std::span<std::byte> scratch) override;
  [[nodiscard]] std::uint64_t checksum_scratch_bytes() const override { return 0; }
  tierpager::result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) override;
  result<stream_ref> make_stream() override;

 private:
  using queue_ref = std::shared_ptr<host_stream_queue>;
  using weak_queue = std::weak_ptr<host_stream_queue>;
  struct seen_stream {
    std::shared_ptr<host_stream_identity> identity;  // kept, so that no other stream is taken for it
    weak_queue queue;                                // gone: the stream was destroyed, and everything on it has run
    bool retired = false;
  };
  struct known_stream {
    std::uint32_t number;
    queue_ref queue;
  };

  host_arena& arena(tier where) { return where == tier::vram ? vram_ : ram_; }
  /// What a queue is known as here: the device and the number.
  [[nodiscard]] std::uint64_t name_of(std::uint32_t number) const { return std::uint64_t{serial_} << 32U | number; }
  /// The stream's number, minted at first sight; an error for a retired one, a destroyed one and what is no host_stream.
  result<known_stream> find(stream_ref stream) TIERPAGER_EXCLUDES(streams_mutex_);
  result<fence> record_elsewhere(stream_ref stream) TIERPAGER_EXCLUDES(streams_mutex_);
  /// Null for a fence whose stream is gone; an error for one that was never minted here.
  result<queue_ref> queue_of(fence which) const TIERPAGER_EXCLUDES(streams_mutex_);
  [[nodiscard]] status check_vram(std::byte const* at, std::uint64_t bytes, char const* what) const;

  // Constant after construction.
  host_device_options const options_;
  std::uint64_t const total_bytes_;
  std::uint32_t const serial_;  // of all host devices that there were

  host_arena vram_, ram_;  // outlive the streams that work on them

  mutable annotated_mutex streams_mutex_;
  std::vector<seen_stream> streams_ TIERPAGER_GUARDED_BY(streams_mutex_);  // by number
  std::map<host_stream_identity const*, std::uint32_t> numbers_ TIERPAGER_GUARDED_BY(streams_mutex_);
  std::vector<std::unique_ptr<host_stream>> made_ TIERPAGER_GUARDED_BY(streams_mutex_);

  host_stream copies_;
};

}  // namespace tierpager
