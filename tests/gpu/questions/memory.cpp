// Memory: registrations side by side, how much may be page-locked, a fork, addresses, handles of several sizes.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include <tests/gpu/questions/mapped_memory.hpp>
#include <tests/gpu/questions/questions.hpp>

namespace tierpager::questions {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t gibibyte = std::size_t{1} << 30U;

std::byte* pages(std::size_t bytes) {
  void* const made = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) throw std::runtime_error("mmap");
  return static_cast<std::byte*>(made);
}

answer a_copy_across_two_registrations() {
  std::byte* const ram = pages(2 * mebibyte);
  std::memset(ram, 5, 2 * mebibyte);
  void* vram = nullptr;
  need(cudaMalloc(&vram, 2 * mebibyte), "cudaMalloc");
  need(cudaHostRegister(ram, mebibyte, cudaHostRegisterPortable), "cudaHostRegister");
  need(cudaHostRegister(ram + mebibyte, mebibyte, cudaHostRegisterPortable), "cudaHostRegister");
  cudaStream_t const stream = made_stream();
  cudaError_t const copied = cudaMemcpyAsync(vram, ram, 2 * mebibyte, cudaMemcpyHostToDevice, stream);
  cudaError_t const ran = cudaStreamSynchronize(stream);
  return {copied == cudaSuccess && ran == cudaSuccess ? "works" : "fails", {{"copy", copied}, {"synchronize", ran}}};
}

/// In steps of 1 GiB, up to half of the machine's memory and 32 GiB.
answer page_locked_limit() {
  auto const ram =
      static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t const most = std::min<std::size_t>(ram / 2 / gibibyte, 32);
  std::byte* const base = pages(most * gibibyte);
  std::size_t locked = 0;
  cudaError_t code = cudaSuccess;
  double touching = 0;
  double registering = 0;
  for (; locked < most; ++locked) {
    std::byte* const next = base + locked * gibibyte;
    touching += microseconds_of([&] {
      for (std::size_t at = 0; at < gibibyte; at += 4096) next[at] = std::byte{1};
    });
    registering += microseconds_of([&] { code = cudaHostRegister(next, gibibyte, cudaHostRegisterPortable); });
    if (code != cudaSuccess) break;
  }
  double const count = static_cast<double>(std::max<std::size_t>(locked, 1));
  return {locked == most ? "all that was tried" : "refused with " + name_of(code),
          {{"gibibytes", static_cast<double>(locked)},
           {"touch_seconds_a_gibibyte", touching / 1e6 / count},
           {"register_seconds_a_gibibyte", registering / 1e6 / count}}};
}

answer a_fork() {
  constexpr std::size_t bytes = 256 * mebibyte;
  std::byte* const ram = pages(bytes);
  if (::madvise(ram, bytes, MADV_DONTFORK) != 0) throw std::runtime_error("madvise");
  std::memset(ram, 1, bytes);
  need(cudaHostRegister(ram, bytes, cudaHostRegisterPortable), "cudaHostRegister");
  void* vram = nullptr;
  need(cudaMalloc(&vram, bytes), "cudaMalloc");
  cudaStream_t const stream = made_stream();
  pid_t const child = ::fork();
  if (child == 0) ::_exit(0);
  std::memset(ram, 7, bytes);  // would be copied on write, and the GPU keep the old pages
  need(cudaMemcpyAsync(vram, ram, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  std::vector<std::byte> back(bytes);
  need(cudaMemcpyAsync(back.data(), vram, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  need(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  int ended = 0;
  (void)::waitpid(child, &ended, 0);
  return {back.front() == std::byte{7} && back.back() == std::byte{7} ? "the parent's bytes are right"
                                                                      : "old bytes are copied"};
}

answer large_reservations() {
  auto* const reserve = TIERPAGER_DRIVER(cuMemAddressReserve);
  auto* const release = TIERPAGER_DRIVER(cuMemAddressFree);
  need(cudaFree(nullptr), "cudaFree");
  std::size_t largest = 0;
  for (std::size_t bytes = 32 * gibibyte; bytes <= 16384 * gibibyte; bytes *= 2) {
    CUdeviceptr base = 0;
    if (reserve(&base, bytes, 0, 0, 0) != CUDA_SUCCESS) break;
    (void)release(base, bytes);
    largest = bytes;
  }
  return {largest == 0 ? "32 GiB cannot be reserved" : "larger than the model",
          {{"gibibytes", static_cast<double>(largest / gibibyte)}}};
}

/// Driver calls on a thread that has no context current.
answer calls_without_a_context() {
  need(cudaFree(nullptr), "cudaFree");
  list_of_names refused;
  std::thread([&] {
    CUcontext now = nullptr;
    need(TIERPAGER_DRIVER(cuCtxGetCurrent)(&now), "cuCtxGetCurrent");
    if (now != nullptr) return refused.add("a context is current");
    auto const call = [&](char const* name, auto&& what) {
      try {
        what();
      } catch (std::exception const&) {
        refused.add(name);
      }
    };
    mapped_memory* memory = nullptr;
    call("cuMemAddressReserve", [&] { memory = new mapped_memory(2 * mebibyte); });
    if (memory == nullptr) return;
    call("cuMemCreate", [&] { memory->create(); });
    call("cuMemMap", [&] { memory->map(); });
    call("cuMemSetAccess", [&] { memory->allow(); });
    call("cuMemUnmap", [&] { memory->unmap(); });
    call("cuMemRelease", [&] { memory->release(); });
  }).join();
  return {"refused: " + refused.text()};
}

answer handle_sizes() {
  need(cudaFree(nullptr), "cudaFree");
  answer made{"measured"};
  for (std::size_t const mebibytes : {2U, 16U, 128U}) {
    std::vector<std::pair<char const*, double>> sums{
        {"create", 0}, {"map", 0}, {"set_access", 0}, {"unmap", 0}, {"release", 0}};
    constexpr int rounds = 20;
    mapped_memory memory(mebibytes * mebibyte);
    for (int i = 0; i < rounds; ++i) {
      sums[0].second += microseconds_of([&] { memory.create(); });
      sums[1].second += microseconds_of([&] { memory.map(); });
      sums[2].second += microseconds_of([&] { memory.allow(); });
      sums[3].second += microseconds_of([&] { memory.unmap(); });
      sums[4].second += microseconds_of([&] { memory.release(); });
    }
    for (auto const& [name, sum] : sums)
      made.figures.emplace_back(std::string(name) + "_us_of_" + std::to_string(mebibytes) + "_mebibytes", sum / rounds);
  }
  return made;
}

}  // namespace

std::vector<question> about_memory() {
  return {{"a_copy_across_two_registrations", a_copy_across_two_registrations},
          {"page_locked_limit", page_locked_limit},
          {"a_fork", a_fork},
          {"large_reservations", large_reservations},
          {"calls_without_a_context", calls_without_a_context},
          {"handle_sizes", handle_sizes}};
}

}  // namespace tierpager::questions
