// Which chunks of one tensor have been read into RAM and copied to VRAM, and which of these commands are not answered yet. The
// chunks lie side by side in RAM, or take turns in a buffer of two: then a chunk is read once the copy of the one before it in
// its place has passed. Not thread-safe: called under the pager's lock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <core/residency/command_list.hpp>
#include <core/residency/fence_clock.hpp>
#include <core/residency/tier_budget.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class chunk_progress {
 public:
  /// `read`: all of it is in RAM already. `buffered`: through a buffer of two chunks.
  void begin(std::uint64_t tensor_bytes, std::uint64_t chunk_bytes, bool read, bool buffered);

  /// Emits the reads that can be carried out now, into RAM from that offset on.
  void emit_reads(tensor_id id, std::uint64_t ram_offset, fence_clock const& fences, command_list& commands);
  /// Emits the copies of what has been read and is not copied yet. Each waits for `after`: it may be the first that is queued.
  void emit_copies(tensor_id id, std::uint64_t ram_offset, std::uint64_t vram_offset, std::vector<fence> const& after,
                   command_list& commands);
  /// The answers. `whole`: unless the load has failed, whose chunks no longer count.
  void read_done(std::uint32_t chunk, bool came, bool counts);
  void copy_queued(std::uint32_t chunk, fence done, bool counts);
  void copy_failed(std::uint32_t chunk);

  /// Commands without an answer.
  [[nodiscard]] bool reads_out() const { return reads_out_ > 0; }
  [[nodiscard]] bool copies_out() const { return copies_out_ > 0; }
  [[nodiscard]] bool buffered() const { return buffered_; }
  [[nodiscard]] bool all_read() const { return read_count_ == chunks_.size(); }
  [[nodiscard]] bool all_queued() const { return queued_count_ == chunks_.size(); }
  /// All that RAM has room for at once.
  [[nodiscard]] bool read_as_far_as_it_can_be() const {
    return read_count_ >= (buffered_ ? std::min<std::size_t>(buffer_chunks, chunks_.size()) : chunks_.size());
  }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_copied() const { return bytes_copied_; }
  /// Behind all copies that were queued.
  [[nodiscard]] std::optional<fence> last_copy() const { return last_copy_; }

 private:
  enum class chunk_state : std::uint8_t { waiting, reading, read, copying, queued };

  [[nodiscard]] byte_range in_tensor(std::uint32_t chunk) const;
  [[nodiscard]] std::uint64_t in_ram(std::uint32_t chunk) const;
  [[nodiscard]] bool has_room(std::uint32_t chunk, fence_clock const& fences) const;

  std::uint64_t tensor_bytes_ = 0;
  std::uint64_t chunk_bytes_ = 0;
  bool buffered_ = false;
  std::vector<chunk_state> chunks_;
  std::uint32_t read_count_ = 0, queued_count_ = 0;
  std::uint32_t reads_out_ = 0, copies_out_ = 0;
  std::uint64_t bytes_read_ = 0, bytes_copied_ = 0;
  std::array<std::optional<fence>, buffer_chunks> buffer_copies_{};  // that last left each place of the buffer
  std::optional<fence> last_copy_;
};

}  // namespace tierpager
