#include <tierpager/cuda_device.hpp>

#include <cuda/call_guard.hpp>
#include <cuda/checksum.hpp>
#include <cuda/device_parts.hpp>

namespace tierpager {
namespace {

cudaStream_t cuda_stream(stream_ref stream) { return static_cast<cudaStream_t>(stream.get()); }

/// For each call that is given a stream: why it may not go on.
status may_use(call_guard const& guard, device_state const& state, stream_ref stream) {
  if (!guard.entered().ok()) return guard.entered();
  if (stream.kind() != stream_kind::cuda)
    return state.refuse(errc::invalid_argument, "not a cudaStream_t, which is what this device takes");
  return {};
}

bool aligned_to(void const* at, std::uintptr_t bytes) { return reinterpret_cast<std::uintptr_t>(at) % bytes == 0; }

}  // namespace

cuda_device::cuda_device(std::unique_ptr<parts> all) : parts_(std::move(all)) {}

cuda_device::~cuda_device() {
  auto const context = parts_->context;  // outlives the parts, and the guard
  call_guard const guard(*context);
  relaxed_capture const relaxed;
  parts_.reset();
}

std::uint64_t cuda_device::granule_bytes(tier where) const {
  return where == tier::vram ? parts_->vram->granule_bytes() : parts_->ram->granule_bytes();
}

bool cuda_device::ram_is_page_locked() const { return parts_->ram->is_page_locked(); }

std::optional<failure> cuda_device::page_lock_failure() const {
  if (parts_->why_no_page_lock || parts_->ram->is_page_locked() || !parts_->ram->page_locks())
    return parts_->why_no_page_lock;
  return parts_->state.refuse(errc::device_failed, "cudaHostRegister failed for a part of RAM, for now");
}

bool cuda_device::can_remap(tier where) const { return where == tier::ram || parts_->vram->can_remap(); }

std::uint64_t cuda_device::overhead_bytes(tier where) const {
  if (where == tier::vram) return 0;
  std::uint64_t const bounce_bytes = parts_->bounce ? parts_->options.staging_slots * parts_->options.staging_bytes : 0;
  return bounce_bytes + word_pool::bytes;
}

// The context first: to exchange the mode creates one where none is current. The guards of this thread's calls then find
// it there.
void cuda_device::prepare_thread() noexcept {
  bool const clean = cudaPeekAtLastError() == cudaSuccess;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  if (parts_->context->push().ok()) (void)cudaThreadExchangeStreamCaptureMode(&mode);
  if (clean) (void)cudaGetLastError();
}

result<std::uint64_t> cuda_device::free_vram_bytes() {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered().error();
  relaxed_capture const relaxed;
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  status const asked = parts_->state.check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  if (!asked.ok()) return asked.error();
  return std::uint64_t{free_bytes};
}

// Memory -----------------------------------------------------------------------------------------------------------

result<std::byte*> cuda_device::reserve(tier where, std::uint64_t bytes) {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered().error();
  relaxed_capture const relaxed;
  return where == tier::vram ? parts_->vram->reserve(bytes) : parts_->ram->reserve(bytes);
}

status cuda_device::commit(tier where, byte_range range) {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered();
  relaxed_capture const relaxed;
  return where == tier::vram ? parts_->vram->commit(range) : parts_->ram->commit(range);
}

status cuda_device::decommit(tier where, byte_range range) {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered();
  relaxed_capture const relaxed;
  return where == tier::vram ? parts_->vram->decommit(range) : parts_->ram->decommit(range);
}

// Copies -----------------------------------------------------------------------------------------------------------

stream_ref cuda_device::copy_stream() { return parts_->copies; }

status cuda_device::copy_pieces(std::byte* target, std::uint64_t ram_offset, std::vector<byte_range> const& pieces) {
  for (byte_range piece : pieces) {
    std::byte* const to = target + (piece.offset - ram_offset);
    std::byte const* const from = parts_->ram->base() + piece.offset;
    status queued = parts_->bounce ? parts_->bounce->copy(to, from, piece.bytes)
                                   : parts_->state.check(
                                         cudaMemcpyAsync(to, from, piece.bytes, cudaMemcpyHostToDevice, parts_->copies),
                                         "cudaMemcpyAsync");
    if (!queued.ok()) return queued;
  }
  return {};
}

result<fence> cuda_device::copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered().error();
  if (!parts_->vram->covers({vram_offset, bytes})) parts_->vram->mend();
  if (!parts_->vram->covers({vram_offset, bytes}))
    return parts_->state.refuse(errc::device_failed, "a copy to VRAM that is not committed: " + std::to_string(bytes) +
                                                         " bytes at " + std::to_string(vram_offset));
  auto const pieces = parts_->ram->begin_copy({ram_offset, bytes});
  if (!pieces.ok()) return pieces.error();
  status const copied = copy_pieces(parts_->vram->base() + vram_offset, ram_offset, *pieces);
  result<fence> queued = copied.ok() ? parts_->streams.record(parts_->copies) : copied.error();
  if (parts_->bounce)
    parts_->ram->end_copy(*pieces, fence{});  // the bounce buffer has read what it copies: the arena is not read later
  else
    parts_->ram->end_copy(*pieces, queued.ok() ? std::optional<fence>(*queued) : std::nullopt);
  return queued;
}

// Streams and fences -----------------------------------------------------------------------------------------------

result<bool> cuda_device::capturing(stream_ref stream) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may.error();
  if (cuda_stream(stream) == cudaStreamLegacy && guard.came_from_another())
    return parts_->state.refuse(errc::invalid_argument,
                                "cudaStreamLegacy means the default stream of the context that is current, and that is "
                                "not this device's: pass a stream that was created, or call cudaSetDevice first");
  if (auto const known = parts_->streams.number_of(cuda_stream(stream)); !known.ok()) return known.error();
  return parts_->streams.capturing(cuda_stream(stream));
}

result<fence> cuda_device::record(stream_ref stream) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may.error();
  return parts_->streams.record(cuda_stream(stream));
}

status cuda_device::wait(stream_ref stream, fence until) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may;
  return parts_->streams.wait(cuda_stream(stream), until);
}

result<bool> cuda_device::passed(fence which) {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered().error();
  return parts_->streams.passed(which);
}

status cuda_device::retire(stream_ref stream) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may;
  return parts_->streams.retire(cuda_stream(stream));
}

result<stream_ref> cuda_device::make_stream() {
  call_guard const guard(*parts_->context);
  if (!guard.entered().ok()) return guard.entered().error();
  relaxed_capture const relaxed;
  cudaStream_t made = nullptr;
  cudaError_t const code = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
  if (code != cudaSuccess) return parts_->state.fail(code, "cudaStreamCreateWithFlags");
  std::scoped_lock const lock(parts_->made_mutex);
  parts_->made.push_back(made);
  return stream_ref(made);
}

// Results ----------------------------------------------------------------------------------------------------------

std::uint64_t cuda_device::checksum_scratch_bytes() const { return tierpager::checksum_scratch_bytes(); }

// A kernel that touches what is not mapped kills the context. What lies outside the arena is the caller's own.
status cuda_device::check_vram(std::byte const* at, std::uint64_t bytes, char const* what) const {
  if (!aligned_to(at, 8))
    return parts_->state.refuse(errc::invalid_argument, std::string(what) + " is not aligned to 8");
  std::uint64_t const offset =
      reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(parts_->vram->base());
  if (offset >= parts_->vram->bytes() || parts_->vram->covers({offset, bytes})) return {};
  return parts_->state.refuse(errc::device_failed, std::string(what) + " is not committed");
}

status cuda_device::checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                                   std::span<std::byte> scratch) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may;
  if (parts_->why_no_checksum) return *parts_->why_no_checksum;
  if (auto const known = parts_->streams.number_of(cuda_stream(stream)); !known.ok()) return known.error();
  if (status readable = check_vram(data.data(), data.size(), "what the checksum reads"); !readable.ok())
    return readable;
  if (status writable = check_vram(result, 8, "where the checksum goes"); !writable.ok()) return writable;
  if (scratch.size() < checksum_scratch_bytes() || !aligned_to(scratch.data(), 256))
    return parts_->state.refuse(
        errc::invalid_argument,
        "the checksum's scratch needs " + std::to_string(checksum_scratch_bytes()) + " bytes, aligned to 256");
  return parts_->state.check(
      queue_checksum(cuda_stream(stream), data.data(), data.size(), result, scratch.data(), scratch.size()),
      "the checksum");
}

result<std::uint64_t> cuda_device::read_back(stream_ref stream, std::byte const* from) {
  call_guard const guard(*parts_->context);
  if (status const may = may_use(guard, parts_->state, stream); !may.ok()) return may.error();
  cudaStream_t const on = cuda_stream(stream);
  if (auto const known = parts_->streams.number_of(on); !known.ok()) return known.error();
  if (status may = parts_->streams.refuse_capturing(on); !may.ok()) return may.error();
  if (status readable = check_vram(from, 8, "what is read back"); !readable.ok()) return readable.error();
  auto const word = parts_->words.take();
  if (!word.ok()) return word.error();
  relaxed_capture const relaxed;
  status done =
      parts_->state.check(cudaMemcpyAsync(*word, from, sizeof **word, cudaMemcpyDeviceToHost, on), "cudaMemcpyAsync");
  if (done.ok()) done = parts_->state.check(cudaStreamSynchronize(on), "cudaStreamSynchronize");
  if (!done.ok()) return done.error();  // the copy may be yet to come: the word is not used again
  std::uint64_t const value = **word;
  parts_->words.give_back(*word);
  return value;
}

}  // namespace tierpager
