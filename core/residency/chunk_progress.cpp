#include <core/residency/chunk_progress.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {

void chunk_progress::begin(std::uint64_t tensor_bytes, std::uint64_t chunk_bytes, bool read, bool buffered) {
  tensor_bytes_ = tensor_bytes;
  chunk_bytes_ = chunk_bytes;
  buffered_ = buffered;
  std::uint64_t const count = (tensor_bytes + chunk_bytes - 1) / chunk_bytes;
  chunks_.assign(count, read ? chunk_state::read : chunk_state::waiting);
  if (read) read_count_ = static_cast<std::uint32_t>(count);
}

byte_range chunk_progress::in_tensor(std::uint32_t chunk) const {
  std::uint64_t const from = chunk * chunk_bytes_;
  return {from, std::min(chunk_bytes_, tensor_bytes_ - from)};
}

std::uint64_t chunk_progress::in_ram(std::uint32_t chunk) const {
  return (buffered_ ? chunk % buffer_chunks : chunk) * chunk_bytes_;
}

bool chunk_progress::has_room(std::uint32_t chunk, fence_clock const& fences) const {
  if (!buffered_ || chunk < buffer_chunks) return true;
  auto const& left = buffer_copies_[chunk % buffer_chunks];
  return chunks_[chunk - buffer_chunks] == chunk_state::queued && left && fences.known_passed(*left);
}

void chunk_progress::emit_reads(tensor_id id, std::uint64_t ram_offset, fence_clock const& fences,
                                command_list& commands) {
  for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i] != chunk_state::waiting) continue;
    if (!has_room(i, fences)) return;
    chunks_[i] = chunk_state::reading;
    ++reads_out_;
    commands.emit(read_command{id, i, in_tensor(i), ram_offset + in_ram(i)});
  }
}

void chunk_progress::emit_copies(tensor_id id, std::uint64_t ram_offset, std::uint64_t vram_offset,
                                 std::vector<fence> const& after, command_list& commands) {
  for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i] != chunk_state::read) continue;
    chunks_[i] = chunk_state::copying;
    ++copies_out_;
    byte_range const part = in_tensor(i);
    commands.emit(copy_command{id, i, part.bytes, ram_offset + in_ram(i), vram_offset + part.offset, after});
  }
}

void chunk_progress::read_done(std::uint32_t chunk, bool came, bool counts) {
  assert(chunks_[chunk] == chunk_state::reading);
  --reads_out_;
  if (!came) return;
  bytes_read_ += in_tensor(chunk).bytes;
  if (!counts) return;
  chunks_[chunk] = chunk_state::read;
  ++read_count_;
}

void chunk_progress::copy_queued(std::uint32_t chunk, fence done, bool counts) {
  assert(chunks_[chunk] == chunk_state::copying);
  assert(!last_copy_ || last_copy_->stream == done.stream);  // all copies go on the one copy stream
  --copies_out_;
  last_copy_ = std::max(last_copy_.value_or(done), done);
  chunks_[chunk] = chunk_state::queued;
  bytes_copied_ += in_tensor(chunk).bytes;
  if (!counts) return;
  ++queued_count_;
  if (buffered_) buffer_copies_[chunk % buffer_chunks] = done;
}

void chunk_progress::copy_failed(std::uint32_t chunk) {
  assert(chunks_[chunk] == chunk_state::copying);
  (void)chunk;
  --copies_out_;
}

}  // namespace tierpager
