// Events: what a record means, to queries and to streams that wait.
#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::uintptr_t first_handle = 0x5e0000000000;
constexpr std::uintptr_t handle_distance = 64;

}  // namespace

event_state* world::find_event(cudaEvent_t handle) {
  std::uintptr_t const distance = reinterpret_cast<std::uintptr_t>(handle) - first_handle;
  std::size_t const slot = distance / handle_distance;
  bool const known = distance % handle_distance == 0 && slot < event_slots.size() && event_slots[slot] != none;
  return known ? &events[event_slots[slot]] : nullptr;
}

event_state* world::event_of(cudaEvent_t handle, call asked_by) {
  event_state* const found = find_event(handle);
  if (found == nullptr) violation(std::string(name_of(asked_by)) + ": the event is destroyed or never was one");
  return found;
}

cudaError_t world::make_event(cudaEvent_t* event, std::size_t context) {
  std::size_t index = events.size();
  if (free_events.empty()) {
    events.emplace_back();
  } else {
    index = free_events.back();
    free_events.pop_back();
    events[index] = event_state{};
  }
  event_state& made = events[index];
  made.context = context;
  if (!free_event_slots.empty() && random() % 2 == 0) {
    made.slot = free_event_slots.back();
    free_event_slots.pop_back();
    event_slots[made.slot] = index;
  } else {
    made.slot = event_slots.size();
    event_slots.push_back(index);
  }
  *event = reinterpret_cast<cudaEvent_t>(first_handle + made.slot * handle_distance);
  return cudaSuccess;
}

cudaError_t world::destroy_event(cudaEvent_t handle) {
  event_state* const gone = event_of(handle, call::cuda_event_destroy);
  if (gone == nullptr) return cudaErrorInvalidResourceHandle;
  free_events.push_back(event_slots[gone->slot]);
  event_slots[gone->slot] = none;
  free_event_slots.push_back(gone->slot);
  gone->live = false;
  return cudaSuccess;
}

cudaError_t world::record(cudaEvent_t handle, cudaStream_t stream) {
  event_state* const event = event_of(handle, call::cuda_event_record);
  std::size_t const on = stream_of(stream, call::cuda_event_record);
  if (event == nullptr || on == none || streams[on].context != event->context) return cudaErrorInvalidResourceHandle;
  bool captured = false;
  if (cudaError_t const failed = capture_work(on, call::cuda_event_record, captured); failed != cudaSuccess) {
    return failed;
  }
  if (captured) {
    event->record.reset();
    event->captured = streams[on].capture;
    event->captured_progress = progress_of(on);
    return cudaSuccess;
  }
  enqueue(on, {}, call::cuda_event_record);
  event->captured = none;
  event->record = place{.stream = on, .sequence = streams[on].queued};
  event->clock = streams[on].clock;
  return cudaSuccess;
}

cudaError_t world::query(cudaEvent_t handle) {
  event_state* const event = event_of(handle, call::cuda_event_query);
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (event->captured != none) {
    if (captures[event->captured].active) invalidate(captures[event->captured], call::cuda_event_query);
    return cudaErrorCapturedEvent;
  }
  if (!event->record) return cudaSuccess;
  if (!passed(*event->record)) return cudaErrorNotReady;
  host.join(event->clock);
  return cudaSuccess;
}

cudaError_t world::wait_event(cudaStream_t stream, cudaEvent_t handle) {
  event_state* const event = event_of(handle, call::cuda_stream_wait_event);
  std::size_t const on = stream_of(stream, call::cuda_stream_wait_event);
  if (event == nullptr || on == none) return cudaErrorInvalidResourceHandle;
  bool captured = false;
  if (cudaError_t const failed = capture_wait(on, *event, captured); failed != cudaSuccess || captured) return failed;
  if (!event->record) return cudaSuccess;
  operation wait;
  if (!passed(*event->record)) wait.waits.push_back(*event->record);
  streams[on].clock.join(event->clock);
  enqueue(on, std::move(wait), call::cuda_stream_wait_event);
  return cudaSuccess;
}

}  // namespace tierpager::cuda_standin
