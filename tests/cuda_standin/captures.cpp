// Stream capture: what goes into a graph, and which calls break a capture. Graphs are not run.
#include <algorithm>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

/// CUDA calls these potentially unsafe: they may wait for, or touch, work that a capture does not hold.
bool unsafe(call kind) {
  switch (kind) {
    case call::cuda_malloc:
    case call::cuda_free:
    case call::cuda_host_alloc:
    case call::cuda_free_host:
    case call::cuda_host_register:
    case call::cuda_host_unregister:
    case call::cuda_event_query:
    case call::cuda_stream_query:
    case call::cuda_stream_synchronize:
    case call::cu_mem_create:
    case call::cu_mem_release:
    case call::cu_mem_map:
    case call::cu_mem_unmap:
    case call::cu_mem_set_access:
    case call::cu_mem_address_reserve:
    case call::cu_mem_address_free: return true;
    default: return false;
  }
}

constexpr std::uintptr_t graph_handle = 0x5f0000000040;

}  // namespace

void world::invalidate(capture_state& capture, call by) {
  if (!capture.active || capture.invalidated) return;
  capture.invalidated = true;
  violation("capture invalidated by " + std::string(name_of(by)));
}

cudaError_t world::admit_unsafe(call kind) {
  if (!unsafe(kind)) return cudaSuccess;
  thread_state const& caller = self();
  if (caller.capture_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  bool prohibited = false;
  for (capture_state& capture : captures) {
    if (!capture.active || capture.mode == cudaStreamCaptureModeRelaxed) continue;
    bool const own = capture.thread == caller.key;
    bool const global =
        caller.capture_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
    if (!own && !global) continue;
    invalidate(capture, kind);
    prohibited = true;
  }
  return prohibited ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

bool world::blocking_capture_in(std::size_t context) const {
  return std::any_of(streams.begin(), streams.end(), [context](stream_state const& stream) {
    return stream.capture != none && stream.blocking && stream.context == context;
  });
}

vector_clock& world::progress_of(std::size_t stream) {
  capture_state& in = captures[streams[stream].capture];
  auto const found = std::find(in.streams.begin(), in.streams.end(), stream);
  return in.progress[static_cast<std::size_t>(found - in.streams.begin())];
}

cudaError_t world::capture_work(std::size_t stream, call kind, bool& captured) {
  if (captures_active == 0) return cudaSuccess;
  stream_state const& on = streams[stream];
  if (on.kind == stream_kind::legacy && blocking_capture_in(on.context)) {
    for (stream_state const& other : streams) {
      if (other.capture != none && other.blocking && other.context == on.context) {
        invalidate(captures[other.capture], kind);
      }
    }
    return cudaErrorStreamCaptureImplicit;
  }
  if (on.capture == none) return cudaSuccess;
  if (captures[on.capture].invalidated) return cudaErrorStreamCaptureInvalidated;
  captured = true;
  progress_of(stream).advance(stream);
  return cudaSuccess;
}

cudaError_t world::capture_wait(std::size_t stream, event_state& event, bool& captured) {
  constexpr call kind = call::cuda_stream_wait_event;
  stream_state& on = streams[stream];
  if (on.capture != none && captures[on.capture].invalidated) return cudaErrorStreamCaptureInvalidated;
  if (event.captured == none) {
    if (on.capture == none) {
      return capture_work(stream, kind, captured);  // the legacy stream may be unusable
    }
    captured = true;
    if (!event.record) return cudaSuccess;
    invalidate(captures[on.capture], kind);
    return cudaErrorStreamCaptureIsolation;
  }
  captured = true;
  capture_state& of = captures[event.captured];
  if (!of.active) return cudaErrorCapturedEvent;
  if (of.invalidated) return cudaErrorStreamCaptureInvalidated;
  if (on.kind == stream_kind::legacy) {
    invalidate(of, kind);
    return cudaErrorStreamCaptureImplicit;
  }
  if (on.capture != none && on.capture != event.captured) {
    invalidate(of, kind);
    invalidate(captures[on.capture], kind);
    return cudaErrorStreamCaptureMerge;
  }
  if (on.capture == none) {  // the stream enters the capture
    on.capture = event.captured;
    of.streams.push_back(stream);
    of.progress.emplace_back();
  }
  vector_clock& progress = progress_of(stream);
  progress.join(event.captured_progress);
  progress.advance(stream);
  return cudaSuccess;
}

void world::leave_capture(std::size_t stream) {
  stream_state& on = streams[stream];
  if (on.capture == none) return;
  capture_state& left = captures[on.capture];
  invalidate(left, call::cuda_stream_destroy);
  if (left.origin == stream) close(left);  // nobody else can end it
}

void world::close(capture_state& ended) {
  for (std::size_t const number : ended.streams) streams[number].capture = none;
  ended.active = false;
  --captures_active;
}

cudaError_t world::is_capturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  std::size_t const stream = stream_of(handle, call::cuda_stream_is_capturing);
  if (stream == none) return cudaErrorInvalidResourceHandle;
  stream_state const& on = streams[stream];
  if (on.kind == stream_kind::legacy && captures_active != 0 && blocking_capture_in(on.context)) {
    return cudaErrorStreamCaptureImplicit;
  }
  *status = cudaStreamCaptureStatusNone;
  if (on.capture != none) {
    *status = captures[on.capture].invalidated ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  }
  return cudaSuccess;
}

cudaError_t world::begin_capture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  std::size_t const stream = stream_of(handle, call::cuda_stream_begin_capture);
  if (stream == none) return cudaErrorInvalidResourceHandle;
  stream_state& on = streams[stream];
  if (on.kind == stream_kind::legacy) return cudaErrorStreamCaptureUnsupported;
  if (on.capture != none) return cudaErrorIllegalState;
  on.capture = captures.size();
  capture_state& made = captures.emplace_back();
  made.mode = mode;
  made.thread = self().key;
  made.origin = stream;
  made.streams.push_back(stream);
  made.progress.emplace_back();
  ++captures_active;
  return cudaSuccess;
}

cudaError_t world::end_capture(cudaStream_t handle, cudaGraph_t* graph) {
  *graph = nullptr;
  std::size_t const stream = stream_of(handle, call::cuda_stream_end_capture);
  if (stream == none) return cudaErrorInvalidResourceHandle;
  if (streams[stream].capture == none) return cudaErrorIllegalState;
  capture_state& ended = captures[streams[stream].capture];
  if (ended.origin != stream) return cudaErrorStreamCaptureUnmatched;
  if (ended.mode != cudaStreamCaptureModeRelaxed && ended.thread != self().key) {
    return cudaErrorStreamCaptureWrongThread;
  }
  bool unjoined = false;
  vector_clock const& origin = progress_of(stream);
  for (vector_clock const& progress : ended.progress) unjoined = unjoined || !origin.covers(progress);
  close(ended);
  if (ended.invalidated) return cudaErrorStreamCaptureInvalidated;
  if (unjoined) {
    violation("capture broken: a stream entered it and was not joined again");
    return cudaErrorStreamCaptureUnjoined;
  }
  *graph = reinterpret_cast<cudaGraph_t>(graph_handle);
  ++graphs;
  return cudaSuccess;
}

cudaError_t world::destroy_graph(cudaGraph_t graph) {
  if (graph != reinterpret_cast<cudaGraph_t>(graph_handle) || graphs == 0) return cudaErrorInvalidValue;
  --graphs;
  return cudaSuccess;
}

}  // namespace tierpager::cuda_standin
