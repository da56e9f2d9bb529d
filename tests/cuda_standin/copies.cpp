// Work on streams that touches memory: copies, what stands for kernels, host functions.
#include <cassert>
#include <cstring>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

char const* word_for(place_kind kind) {
  switch (kind) {
    case place_kind::pageable: return "pageable memory";
    case place_kind::page_locked: return "page-locked memory";
    case place_kind::device: return "device memory";
    case place_kind::wrong: break;
  }
  return "memory that is not all there";
}

bool accessible(resolved const& range, bool writes) {
  for (part const& piece : range.parts) {
    if (!(writes ? piece.of->writable : piece.of->readable)) return false;
  }
  return true;
}

bool fits(cudaMemcpyKind kind, place_kind target, place_kind source) {
  bool const to_device = target == place_kind::device;
  bool const from_device = source == place_kind::device;
  switch (kind) {
    case cudaMemcpyHostToHost: return !to_device && !from_device;
    case cudaMemcpyHostToDevice: return to_device && !from_device;
    case cudaMemcpyDeviceToHost: return !to_device && from_device;
    case cudaMemcpyDeviceToDevice: return to_device && from_device;
    default: return true;
  }
}

void add_uses(operation& queued, resolved const& range) {
  for (part const& of : range.parts) queued.uses.push_back({.base = of.of->first(), .id = of.of->id});
}

}  // namespace

cudaError_t world::copy(void* target, void const* source, std::uint64_t bytes, cudaMemcpyKind kind, cudaStream_t stream,
                        world_lock& lock) {
  constexpr call what = call::cuda_memcpy_async;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  std::size_t const on = stream_of(stream, what);
  if (on == none) return cudaErrorInvalidResourceHandle;
  if (bytes == 0) return cudaSuccess;
  resolved const to = resolve(target, bytes);
  resolved const from = resolve(source, bytes);
  bool const whole = to.kind != place_kind::wrong && from.kind != place_kind::wrong;
  if (!whole || !fits(kind, to.kind, from.kind) || !accessible(to, true) || !accessible(from, false)) {
    violation("cudaMemcpyAsync: from " + std::string(word_for(from.kind)) + " to " + word_for(to.kind) +
              (whole ? ", which this kind of copy, or the access set, does not allow" : ""));
    return cudaErrorInvalidValue;
  }
  bool captured = false;
  if (cudaError_t const failed = capture_work(on, what, captured); failed != cudaSuccess || captured) return failed;

  operation queued;
  queued.target = static_cast<std::byte*>(target);
  queued.source = static_cast<std::byte const*>(source);
  queued.bytes = bytes;
  add_uses(queued, to);
  add_uses(queued, from);
  if (from.kind == place_kind::pageable) queued.staged.assign(queued.source, queued.source + bytes);
  stamp const who = enqueue(on, std::move(queued), what);
  for (part const& of : from.parts) touch(of, false, who, streams[on].clock);
  for (part const& of : to.parts) touch(of, true, who, streams[on].clock);
  if (to.kind != place_kind::pageable) return cudaSuccess;
  // Into pageable memory the call returns only once the bytes are there.
  return wait_for({.stream = on, .sequence = streams[on].queued}, streams[on].clock, what, lock);
}

cudaError_t world::launch(cudaStream_t stream, std::vector<access> const& touched, std::function<void()> kernel,
                          std::string const* what) {
  std::size_t const on = stream_of(stream, call::launch);
  if (on == none) return cudaErrorInvalidResourceHandle;
  if (streams[on].context != current_context()) {
    violation("launch '" + *what + "' on a stream of another context");
    return cudaErrorInvalidResourceHandle;
  }
  std::vector<std::pair<part, bool>> parts;
  operation queued;
  for (access const& range : touched) {
    if (range.bytes == 0) continue;
    resolved const found = resolve(range.at, range.bytes);
    bool const watched = found.kind == place_kind::device || found.kind == place_kind::page_locked;
    if (!watched || !accessible(found, range.writes)) {
      violation("launch '" + *what + "' " + (range.writes ? "writes " : "reads ") + word_for(found.kind) +
                (watched ? " without access to it" : ""));
      return cudaErrorIllegalAddress;
    }
    add_uses(queued, found);
    for (part const& of : found.parts) parts.emplace_back(of, range.writes);
  }
  bool captured = false;
  if (cudaError_t const failed = capture_work(on, call::launch, captured); failed != cudaSuccess || captured) {
    return failed;
  }
  queued.body = std::move(kernel);
  stamp const who = enqueue(on, std::move(queued), call::launch, what);
  // What one kernel reads and writes itself is its own affair: its stamp is before its own clock.
  for (auto const& [of, writes] : parts) touch(of, writes, who, streams[on].clock);
  return cudaSuccess;
}

cudaError_t world::host_function(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  if (function == nullptr) return cudaErrorInvalidValue;
  std::size_t const on = stream_of(stream, call::cuda_launch_host_func);
  if (on == none) return cudaErrorInvalidResourceHandle;
  bool captured = false;
  cudaError_t const failed = capture_work(on, call::cuda_launch_host_func, captured);
  if (failed != cudaSuccess || captured) return failed;
  operation queued;
  queued.body = [function, user_data] { function(user_data); };
  enqueue(on, std::move(queued), call::cuda_launch_host_func);
  return cudaSuccess;
}

}  // namespace tierpager::cuda_standin
