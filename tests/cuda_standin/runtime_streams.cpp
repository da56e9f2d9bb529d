// The runtime's entry points: streams, events, work on streams, capture.
#include <tests/cuda_standin/world.hpp>

using namespace tierpager::cuda_standin;

namespace {

/// A call that fails as a plan has it may have queued its work all the same: the seed decides.
bool carried_out_all_the_same(world& all) {
  if (all.options.driver_version == 0 || all.options.devices == 0 || in_operation()) return false;
  std::size_t const now = all.current_context();
  return now != none && all.contexts[now].dead == cudaSuccess && all.random() % 2 == 0;
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  return runtime_call(call::cuda_stream_create_with_flags, [&](world& all, world_lock&) {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    std::size_t const made = all.make_stream(stream_kind::created, all.current_context(), flags == cudaStreamDefault);
    *stream = world::handle_of(all.streams[made]);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  constexpr call kind = call::cuda_stream_destroy;
  return modelled(
      kind, true,
      [&](world& all, world_lock&) {
        std::size_t const gone = all.stream_of(stream, kind);
        return gone == none ? cudaErrorInvalidResourceHandle : all.destroy_stream(gone);
      },
      [&](world& all, world_lock&) {
        if (std::size_t const kept = all.find_stream(stream); kept != none) all.streams[kept].abandoned = true;
      });
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  return runtime_call(call::cuda_stream_get_id, [&](world& all, world_lock&) {
    std::size_t const found = all.stream_of(stream, call::cuda_stream_get_id);
    if (found == none) return cudaErrorInvalidResourceHandle;
    *id = all.streams[found].id;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return runtime_call(call::cuda_stream_is_capturing,
                      [&](world& all, world_lock&) { return all.is_capturing(stream, status); });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  return runtime_call(call::cuda_stream_wait_event,
                      [&](world& all, world_lock&) { return all.wait_event(stream, event); });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return runtime_call(call::cuda_stream_synchronize,
                      [&](world& all, world_lock& lock) { return all.synchronize(stream, lock); });
}

// Fails where the context is dead, and else only breaks captures.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  constexpr call kind = call::cuda_stream_query;
  return runtime_call(kind, [&](world& all, world_lock&) {
    std::size_t const asked = all.stream_of(stream, kind);
    if (asked == none) return cudaErrorInvalidResourceHandle;
    return all.query_stream(asked);
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return runtime_call(call::cuda_stream_begin_capture,
                      [&](world& all, world_lock&) { return all.begin_capture(stream, mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return runtime_call(call::cuda_stream_end_capture,
                      [&](world& all, world_lock&) { return all.end_capture(stream, graph); });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return runtime_call(call::cuda_graph_destroy, [&](world& all, world_lock&) { return all.destroy_graph(graph); });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return runtime_call(call::cuda_thread_exchange_stream_capture_mode, [&](world& all, world_lock&) {
    std::swap(*mode, all.self().capture_mode);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int) {
  return runtime_call(call::cuda_event_create_with_flags,
                      [&](world& all, world_lock&) { return all.make_event(event, all.current_context()); });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return modelled(
      call::cuda_event_destroy, true, [&](world& all, world_lock&) { return all.destroy_event(event); },
      [&](world& all, world_lock&) {
        if (event_state* const kept = all.find_event(event)) kept->abandoned = true;
      });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return runtime_call(call::cuda_event_record, [&](world& all, world_lock&) { return all.record(event, stream); });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return runtime_call(call::cuda_event_query, [&](world& all, world_lock&) { return all.query(event); });
}

cudaError_t cudaMemcpyAsync(void* target, void const* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return modelled(
      call::cuda_memcpy_async, true,
      [&](world& all, world_lock& lock) { return all.copy(target, source, bytes, kind, stream, lock); },
      [&](world& all, world_lock& lock) {
        if (carried_out_all_the_same(all)) all.copy(target, source, bytes, kind, stream, lock);
      });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  return runtime_call(call::cuda_launch_host_func,
                      [&](world& all, world_lock&) { return all.host_function(stream, function, user_data); });
}

}  // extern "C"

namespace tierpager::cuda_standin {

cudaError_t launch(cudaStream_t stream, std::vector<access> what_it_touches, std::function<void()> kernel,
                   std::string what) {
  auto const queue = [&](world& all, world_lock&) {
    return all.launch(stream, what_it_touches, kernel, all.label(what));
  };
  return modelled(call::launch, true, queue, [&](world& all, world_lock& lock) {
    if (carried_out_all_the_same(all)) queue(all, lock);
  });
}

}  // namespace tierpager::cuda_standin
