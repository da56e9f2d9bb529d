// What the preloaded stand-in does when its program ends: says what was seen and what is left, and fails the program.
#include <unistd.h>

#include <cstdio>

#include <tests/cuda_standin/kernel_registration.hpp>
#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {

int note_refused_launch() {
  return runtime_call(call::launch, [](world&, world_lock&) { return cudaErrorNotSupported; });
}

namespace {

constexpr int exit_status = 97;

void report_leaks(totals const& left) {
  auto const line = [](char const* what, std::uint64_t number) {
    if (number != 0) std::fprintf(stderr, "stand-in: leaked: %llu %s\n", static_cast<unsigned long long>(number), what);
  };
  line("streams", left.streams);
  line("events", left.events);
  line("bytes of VRAM", left.vram_bytes);
  line("bytes page-locked", left.page_locked_bytes);
  line("bytes of address space", left.reserved_bytes);
  line("physical handles", left.physical_handles);
  line("mappings", left.mappings);
  line("registrations", left.registrations);
  line("allocations in VRAM", left.mallocs);
  line("allocations page-locked", left.host_allocs);
  line("graphs", left.graphs);
}

__attribute__((destructor)) void report() {
  world& all = the_world();
  world_lock const lock(all.mutex);
  totals const left = all.live();
  if (all.seen.empty() && left.objects() == 0) return;
  for (std::string const& text : all.seen) std::fprintf(stderr, "stand-in: %s\n", text.c_str());
  report_leaks(left);
  std::fflush(nullptr);
  _exit(exit_status);
}

}  // namespace
}  // namespace tierpager::cuda_standin
