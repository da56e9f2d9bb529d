#include <cuda/device_parts.hpp>

#include <cuda/call_guard.hpp>
#include <cuda/checksum.hpp>
#include <cuda/driver_entry.hpp>
#include <cuda/malloc_arena.hpp>
#include <cuda/vram_arena.hpp>

namespace tierpager {
namespace {

failure no_gpu(int ordinal, std::string const& why) {
  return {.code = errc::unsupported, .what = "CUDA device " + std::to_string(ordinal) + ": no GPU: " + why};
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// Whether there is a GPU of that ordinal and a driver for it, told without touching either.
status look_for(int ordinal) {
  int driver = 0;
  int runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return no_gpu(ordinal, "no driver is installed, or it does not load");
  (void)cudaRuntimeGetVersion(&runtime);
  int count = 0;
  cudaError_t const code = cudaGetDeviceCount(&count);
  switch (code) {
    case cudaSuccess: break;
    case cudaErrorInsufficientDriver:
      return no_gpu(
          ordinal, "the driver is made for CUDA " + version_text(driver) + ", this build for " + version_text(runtime));
    case cudaErrorNoDevice:
    case cudaErrorStubLibrary:
    case cudaErrorSharedObjectSymbolNotFound:
    case cudaErrorSharedObjectInitFailed: return no_gpu(ordinal, cudaGetErrorName(code));
    default: return device_state(ordinal).fail(code, "cudaGetDeviceCount");
  }
  if (count == 0) return no_gpu(ordinal, "the driver finds none");
  if (ordinal >= 0 && ordinal < count) return {};
  return failure{.code = errc::invalid_argument,
                 .what = "CUDA device " + std::to_string(ordinal) + ": there " +
                         (count == 1 ? "is 1 device" : "are " + std::to_string(count) + " devices") +
                         ", numbered from 0"};
}

/// No machine code for the GPU, nor any that its driver could translate.
bool lacks_kernel(cudaError_t code) {
  switch (code) {
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorInvalidKernelImage:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidPtx:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorJitCompilationDisabled: return true;
    default: return false;
  }
}

}  // namespace

result<std::unique_ptr<device>> cuda_device::open(cuda_device_options const& options) {
  bool const clean = cudaPeekAtLastError() == cudaSuccess;
  status const found = look_for(options.ordinal);
  if (clean) (void)cudaGetLastError();
  if (!found.ok()) return found.error();
  if (options.staging_slots == 0 || options.staging_bytes == 0 || options.ram_segment_bytes_max % 4096 != 0 ||
      options.ram_segment_bytes_max == 0)
    return failure{.code = errc::invalid_argument, .what = "a CUDA device with such options cannot be"};
  auto const context = primary_context::retain(options.ordinal);
  if (!context.ok()) return context.error();
  call_guard const guard(**context);
  if (!guard.entered().ok()) return guard.entered().error();
  relaxed_capture const relaxed;
  auto all = std::make_unique<parts>(options, *context);
  if (status built = all->build(); !built.ok()) return built.error();  // what was built goes, inside the guard
  return std::unique_ptr<device>(new cuda_device(std::move(all)));
}

status cuda_device::parts::build() {
  std::optional<virtual_memory> mapping;
  if (options.use_vmm) {
    auto found = find_virtual_memory(state);
    if (!found.ok()) return found.error();
    mapping = *found;
  }
  if (mapping)
    vram = std::make_unique<vram_arena>(state, *mapping, options.vram_granule_bytes_min);
  else
    vram = std::make_unique<malloc_arena>(state);

  if (status made_it =
          state.check(cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
      !made_it.ok())
    return made_it;
  state.ask_on(copies);
  if (auto const zero = streams.number_of(copies); !zero.ok()) return zero.error();
  if (status made_them = streams.prepare(options.events); !made_them.ok()) return made_them;

  int registers = 0;
  if (status asked = state.check(cudaDeviceGetAttribute(&registers, cudaDevAttrHostRegisterSupported, options.ordinal),
                                 "cudaDeviceGetAttribute");
      !asked.ok())
    return asked;
  bool page_lock = options.page_lock_ram;
  if (page_lock && registers == 0)
    why_no_page_lock = state.refuse(errc::unsupported, "the driver registers no memory of this system");
  if (page_lock && registers != 0) {
    auto refused = pinned_arena::why_no_page_lock(state);
    if (!refused.ok()) return refused.error();
    why_no_page_lock = std::move(*refused);
  }
  page_lock = page_lock && !why_no_page_lock;
  ram = std::make_unique<pinned_arena>(
      state, streams, copies,
      pinned_arena_options{.page_lock = page_lock, .segment_bytes_max = options.ram_segment_bytes_max});
  if (!page_lock) {
    bounce = std::make_unique<bounce_buffer>(state, streams, copies);
    if (status done = bounce->allocate(options.staging_slots, options.staging_bytes); !done.ok()) return done;
  }
  if (status done = words.allocate(); !done.ok()) return done;
  cudaError_t const prepared = prepare_checksum(copies);
  if (!lacks_kernel(prepared)) return state.check(prepared, "the checksum's first run");
  why_no_checksum = state.refuse(
      errc::unsupported, std::string("this build has no checksum kernel that the GPU can run (") +
                             cudaGetErrorName(prepared) + "): build it with CMAKE_CUDA_ARCHITECTURES for that GPU");
  return {};
}

// Every user has waited for what it queued; the copy stream is waited for here, in case one could not. Nothing a dead
// context answers keeps the rest from being taken down.
cuda_device::parts::~parts() {
  if (copies != nullptr) (void)cudaStreamSynchronize(copies);
  for (cudaStream_t each : made) (void)cudaStreamDestroy(each);
  if (copies != nullptr) (void)cudaStreamDestroy(copies);
}

}  // namespace tierpager
