// Contexts: what creates one, what a pushed one is good for, and how a dead one answers.
#include <thread>

#include <tests/cuda_standin/park.hpp>
#include <tests/gpu/questions/questions.hpp>

namespace tierpager::questions {
namespace {

/// Whether device 0 has a primary context.
bool has_context() {
  unsigned flags = 0;
  int active = 0;
  need(TIERPAGER_DRIVER(cuDevicePrimaryCtxGetState)(0, &flags, &active), "cuDevicePrimaryCtxGetState");
  return active != 0;
}

answer what_creates_a_context() {
  list_of_names creators;
  auto const after = [&](char const* name, auto&& call) {
    bool const before = has_context();
    call();
    if (!before && has_context()) creators.add(name);
  };
  int number = 0;
  need(cudaGetDeviceCount(&number), "cudaGetDeviceCount");
  after("cudaGetDriverEntryPointByVersion", [] { (void)TIERPAGER_DRIVER(cuMemMap); });
  after("cudaDeviceGetAttribute", [&] { (void)cudaDeviceGetAttribute(&number, cudaDevAttrHostRegisterSupported, 0); });
  after("cudaGetDevice", [&] { (void)cudaGetDevice(&number); });
  after("cudaPeekAtLastError", [] { (void)cudaPeekAtLastError(); });
  after("cudaGetLastError", [] { (void)cudaGetLastError(); });
  after("cudaThreadExchangeStreamCaptureMode", [] {
    auto mode = cudaStreamCaptureModeRelaxed;
    (void)cudaThreadExchangeStreamCaptureMode(&mode);
  });
  return {creators.text()};
}

answer does_cuda_set_device_create_one() {
  int number = 0;
  need(cudaGetDeviceCount(&number), "cudaGetDeviceCount");
  need(cudaSetDevice(0), "cudaSetDevice");
  return {has_context() ? "yes" : "no"};
}

/// The device's way: retained, pushed, used by the runtime, taken off, let go.
answer a_pushed_context() {
  CUcontext context = nullptr;
  need(TIERPAGER_DRIVER(cuDevicePrimaryCtxRetain)(&context, 0), "cuDevicePrimaryCtxRetain");
  std::size_t before = 0;
  std::size_t total = 0;
  need(TIERPAGER_DRIVER(cuCtxPushCurrent)(context), "cuCtxPushCurrent");
  cudaStream_t const stream = made_stream();
  need(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
  CUcontext of_stream = nullptr;
  need(TIERPAGER_DRIVER(cuStreamGetCtx)(stream, &of_stream), "cuStreamGetCtx");
  need(cudaStreamDestroy(stream), "cudaStreamDestroy");
  CUcontext now = nullptr;
  need(TIERPAGER_DRIVER(cuCtxPopCurrent)(&now), "cuCtxPopCurrent");
  need(TIERPAGER_DRIVER(cuCtxGetCurrent)(&now), "cuCtxGetCurrent");
  if (of_stream != context) return {"the runtime works in another context"};
  if (now != nullptr) return {"a context stays current"};
  need(TIERPAGER_DRIVER(cuDevicePrimaryCtxRelease)(0), "cuDevicePrimaryCtxRelease");
  double const push = 1000 * microseconds_of([&] {
                        for (int i = 0; i < 1000; ++i) (void)TIERPAGER_DRIVER(cuCtxGetCurrent)(&now);
                      }) /
                      1000;
  return {has_context() ? "serves the runtime, and outlives its last release"
                        : "serves the runtime, and ends with its last release",
          {{"bytes_of_a_context", static_cast<double>(total - before)}, {"get_current_ns", push}}};
}

answer not_ready_as_last_error() {
  cuda_standin::parked_stream parked;
  cudaStream_t const stream = made_stream();
  cudaEvent_t event = nullptr;
  need(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  need(parked.park(stream), "park");
  need(cudaEventRecord(event, stream), "cudaEventRecord");
  cudaError_t const asked = cudaEventQuery(event);
  cudaError_t const last = cudaPeekAtLastError();
  parked.let_go();
  need(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  if (asked != cudaErrorNotReady) return {"the event had passed: " + name_of(asked)};
  return {last == cudaSuccess ? "not kept" : "kept as " + name_of(last)};
}

answer a_dead_context() {
  cudaStream_t const stream = made_stream();
  cudaStream_t const copies = made_stream();
  if (cuda_standin::launch_trap(stream) == cudaErrorNotSupported) return {"not tried: no device code runs here"};
  cudaError_t const killed_by = cudaStreamSynchronize(stream);
  (void)cudaGetLastError();
  cudaError_t const last = cudaGetLastError();
  cudaError_t const asked = cudaStreamQuery(copies);
  auto mode = cudaStreamCaptureModeRelaxed;
  cudaError_t const exchanged = cudaThreadExchangeStreamCaptureMode(&mode);
  CUcontext now = nullptr;
  need(TIERPAGER_DRIVER(cuCtxGetCurrent)(&now), "cuCtxGetCurrent");
  CUresult const pushed = TIERPAGER_DRIVER(cuCtxPushCurrent)(now);
  CUresult const popped = TIERPAGER_DRIVER(cuCtxPopCurrent)(&now);
  CUcontext again = nullptr;
  CUresult const retained = TIERPAGER_DRIVER(cuDevicePrimaryCtxRetain)(&again, 0);
  return {std::string(asked == cudaSuccess || asked == cudaErrorNotReady ? "cudaStreamQuery does not know"
                                                                         : "cudaStreamQuery knows") +
              (last == cudaSuccess ? ", the last error does not" : ", so does the last error"),
          {{"killed_by", killed_by},
           {"query", asked},
           {"last_error", last},
           {"exchange", exchanged},
           {"push", pushed},
           {"pop", popped},
           {"retain", retained}}};
}

/// A stream of a context that is not the primary one.
answer a_foreign_stream() {
  cudaEvent_t event = nullptr;
  need(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  CUcontext primary = nullptr;
  need(TIERPAGER_DRIVER(cuCtxGetCurrent)(&primary), "cuCtxGetCurrent");
  CUcontext own = nullptr;
  need(driver_function<CUresult(CUcontext*, unsigned, CUdevice)>("cuCtxCreate", 3020)(&own, 0, 0), "cuCtxCreate");
  cudaStream_t const stream = made_stream();
  need(TIERPAGER_DRIVER(cuCtxPopCurrent)(&own), "cuCtxPopCurrent");
  unsigned long long id = 0;
  cudaError_t const named = cudaStreamGetId(stream, &id);
  CUcontext found = nullptr;
  CUresult const asked = TIERPAGER_DRIVER(cuStreamGetCtx)(stream, &found);
  cudaError_t const recorded = cudaEventRecord(event, stream);
  cudaError_t const begun = cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
  CUresult const asked_in_capture = TIERPAGER_DRIVER(cuStreamGetCtx)(stream, &found);
  cudaGraph_t graph = nullptr;
  cudaError_t const ended = begun == cudaSuccess ? cudaStreamEndCapture(stream, &graph) : begun;
  return {asked == CUDA_SUCCESS && found == own && recorded != cudaSuccess ? "told apart, and refused by a record"
                                                                           : "not told apart",
          {{"get_id", named},
           {"get_ctx", asked},
           {"record", recorded},
           {"get_ctx_in_capture", asked_in_capture},
           {"end_capture", ended}}};
}

answer the_other_gpu() {
  int devices = 0;
  need(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  if (devices < 2) return {"one GPU"};
  CUcontext context = nullptr;
  need(TIERPAGER_DRIVER(cuDevicePrimaryCtxRetain)(&context, 1), "cuDevicePrimaryCtxRetain");
  need(TIERPAGER_DRIVER(cuCtxPushCurrent)(context), "cuCtxPushCurrent");
  (void)made_stream();
  auto mode = cudaStreamCaptureModeRelaxed;
  (void)cudaThreadExchangeStreamCaptureMode(&mode);
  return {has_context() ? "a context on GPU 0 as well" : "no context on GPU 0"};
}

}  // namespace

std::vector<question> about_contexts() {
  return {{"what_creates_a_context", what_creates_a_context},
          {"does_cuda_set_device_create_one", does_cuda_set_device_create_one},
          {"a_pushed_context", a_pushed_context},
          {"not_ready_as_last_error", not_ready_as_last_error},
          {"a_dead_context", a_dead_context},
          {"a_foreign_stream", a_foreign_stream},
          {"the_other_gpu", the_other_gpu}};
}

}  // namespace tierpager::questions
