// Captures: which of the calls that a pager makes break another thread's capture, and what becomes of an event in one.
#include <thread>

#include <tests/gpu/questions/mapped_memory.hpp>
#include <tests/gpu/questions/questions.hpp>

namespace tierpager::questions {
namespace {

constexpr std::size_t bytes = std::size_t{2} << 20U;

/// What a pager's threads call: each returns CUDA's code.
std::vector<std::pair<char const*, std::function<int()>>> calls_of_a_pager(cudaStream_t stream, cudaEvent_t event) {
  static mapped_memory memory(bytes);
  static std::vector<std::byte> pages(4 * bytes);
  static void* allocated = nullptr;
  static void* page_locked = nullptr;
  static std::byte* const ram = pages.data() + (4096 - reinterpret_cast<std::uintptr_t>(pages.data()) % 4096);
  auto const driver = [](auto&& call) {
    return [call] {
      try {
        call();
      } catch (std::exception const&) {
        return 1;
      }
      return 0;
    };
  };
  static unsigned long long id = 0;
  static auto status = cudaStreamCaptureStatusNone;
  static std::size_t free_bytes = 0;
  static cudaEvent_t made_event = nullptr;
  static cudaStream_t made = nullptr;
  return {
      {"cudaStreamGetId", [=] { return cudaStreamGetId(stream, &id); }},
      {"cudaStreamIsCapturing", [=] { return cudaStreamIsCapturing(stream, &status); }},
      {"cudaEventRecord", [=] { return cudaEventRecord(event, stream); }},
      {"cudaStreamWaitEvent", [=] { return cudaStreamWaitEvent(stream, event, 0); }},
      {"cudaEventQuery", [=] { return cudaEventQuery(event) == cudaErrorNotReady ? 0 : cudaEventQuery(event); }},
      {"cudaStreamQuery", [=] { return cudaStreamQuery(stream) == cudaErrorNotReady ? 0 : cudaStreamQuery(stream); }},
      {"cudaStreamSynchronize", [=] { return cudaStreamSynchronize(stream); }},
      {"cudaMemGetInfo", [] { return cudaMemGetInfo(&free_bytes, &free_bytes); }},
      {"cudaEventCreate", [] { return cudaEventCreateWithFlags(&made_event, cudaEventDisableTiming); }},
      {"cudaStreamCreate", [] { return cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking); }},
      {"cudaHostAlloc", [] { return cudaHostAlloc(&page_locked, 4096, cudaHostAllocPortable); }},
      {"cudaFreeHost", [] { return cudaFreeHost(page_locked); }},
      {"cudaMalloc", [] { return cudaMalloc(&allocated, 4096); }},
      {"cudaFree", [] { return cudaFree(allocated); }},
      {"cudaHostRegister", [] { return cudaHostRegister(ram, bytes, cudaHostRegisterPortable); }},
      {"cudaHostUnregister", [] { return cudaHostUnregister(ram); }},
      {"cuMemCreate", driver([] { memory.create(); })},
      {"cuMemMap", driver([] { memory.map(); })},
      {"cuMemSetAccess", driver([] { memory.allow(); })},
      {"cuMemUnmap", driver([] { memory.unmap(); })},
      {"cuMemRelease", driver([] { memory.release(); })}};
}

/// Whether a global capture on `captured` is still sound after the call was made on this thread.
bool capture_survives(cudaStream_t captured, std::function<void()> const& call) {
  bool survives = false;
  // Begun and ended on one thread, as CUDA asks; the call is made on another, as a pager's is.
  need(cudaStreamBeginCapture(captured, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
  std::thread([&] {
    need(cudaSetDevice(0), "cudaSetDevice");
    call();
  }).join();
  cudaGraph_t graph = nullptr;
  survives = cudaStreamEndCapture(captured, &graph) == cudaSuccess;
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();
  return survives;
}

answer broken_by(cudaStreamCaptureMode mode) {
  cudaStream_t const captured = made_stream();
  cudaStream_t const other = made_stream();
  cudaEvent_t event = nullptr;
  need(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  need(cudaEventRecord(event, other), "cudaEventRecord");
  list_of_names breaking;
  list_of_names refused;
  for (auto const& [name, call] : calls_of_a_pager(other, event)) {
    int code = 0;
    bool const survives = capture_survives(captured, [&, &call = call] {
      auto wanted = mode;
      need(cudaThreadExchangeStreamCaptureMode(&wanted), "cudaThreadExchangeStreamCaptureMode");
      code = call();
      (void)cudaGetLastError();
    });
    if (!survives) breaking.add(name);
    if (code != 0) refused.add(name);
    if (code != 0) (void)call();  // so that the next one finds what it needs
  }
  return {"broken by: " + breaking.text() + "; refused: " + refused.text()};
}

answer captures_and_strict_threads() { return broken_by(cudaStreamCaptureModeGlobal); }
answer captures_and_relaxed_threads() { return broken_by(cudaStreamCaptureModeRelaxed); }

/// An event that went into a capture which another thread began, as a release may meet it.
answer an_event_in_a_capture() {
  cudaStream_t const stream = made_stream();
  cudaEvent_t event = nullptr;
  need(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  need(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  need(cudaEventRecord(event, stream), "cudaEventRecord");
  cudaGraph_t graph = nullptr;
  need(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  cudaError_t const after = cudaEventQuery(event);
  (void)cudaGetLastError();
  cudaError_t const again = cudaEventRecord(event, stream);
  need(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  cudaError_t const passed = cudaEventQuery(event);
  need(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  need(cudaEventRecord(event, stream), "cudaEventRecord");
  cudaError_t const during = cudaEventQuery(event);
  cudaError_t const ended = cudaStreamEndCapture(stream, &graph);
  return {after == cudaErrorCapturedEvent && again == cudaSuccess && passed == cudaSuccess
              ? "says so, and can be recorded again"
              : "does not say so",
          {{"query_after", after}, {"query_during", during}, {"end_after_query", ended}}};
}

}  // namespace

std::vector<question> about_captures() {
  return {{"captures_and_strict_threads", captures_and_strict_threads},
          {"captures_and_relaxed_threads", captures_and_relaxed_threads},
          {"an_event_in_a_capture", an_event_in_a_capture}};
}

}  // namespace tierpager::questions
