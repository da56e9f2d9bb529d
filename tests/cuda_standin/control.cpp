// What tests call: standin.hpp.
#include <tests/cuda_standin/standin.hpp>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

struct locked_world {
  world& all = the_world();
  world_lock lock{all.mutex};

  world* operator->() const { return &all; }
};

}  // namespace

void reset(world_options const& options) { replace_world(options); }

bool step() {
  locked_world world;
  return world->step(world.lock);
}

bool pending() { return locked_world()->pending(); }

void run_all() {
  while (step()) {
  }
}

void hold(cudaStream_t stream) {
  locked_world const world;
  std::size_t const index = world->stream_of(stream, call::launch);
  if (index != none) world->streams[index].held = true;
}

void let_go(cudaStream_t stream) {
  locked_world const world;
  std::size_t const index = world->stream_of(stream, call::launch);
  if (index != none) world->streams[index].held = false;
  world->changed.notify_all();
}

void host_access(access range, std::string what) {
  locked_world const world;
  if (range.bytes == 0) return;
  resolved const found = world->resolve(range.at, range.bytes);
  if (found.kind == place_kind::pageable) return;
  std::string const* const label = world->label(std::move(what));
  if (found.kind != place_kind::page_locked) {
    world->violation("the CPU touches device memory, or page-locked memory that is not all there: '" + *label + "'");
    return;
  }
  stamp const who = world->host_stamp(call::count_, label);
  for (part const& piece : found.parts) world->touch(piece, range.writes, who, world->host);
}

void kill_context(cudaError_t code, int device) { locked_world()->kill(static_cast<std::size_t>(device), code); }
bool context_exists(int device) { return locked_world()->contexts[static_cast<std::size_t>(device)].exists; }
void enter_own_context(int device) {
  locked_world const world;
  world->push_context(world->make_own_context(device));
}
void enter_primary_context(int device) {
  locked_world const world;
  auto const context = static_cast<std::size_t>(device);
  world->create_context(context);
  world->contexts[context].used_by_runtime = true;
  world->push_context(world::handle_of_context(context));
}
std::uint64_t current_context() {
  locked_world const world;
  return world::handle_of_context(world->current_context());
}
bool context_is_dead(int device) {
  return locked_world()->contexts[static_cast<std::size_t>(device)].dead != cudaSuccess;
}
void leave_context() { locked_world()->pop_context(nullptr); }
std::uint64_t contexts_on_this_thread() { return locked_world()->self().contexts.size(); }

void fail_nth(std::uint64_t n, lasting how_long, cudaError_t code) {
  locked_world()->faults.set(call_fault{.at_call = n, .how_long = how_long, .code = code});
}
void fail_nth(call kind, std::uint64_t n, lasting how_long, cudaError_t code) {
  locked_world()->faults.set(call_fault{.at_call = n, .how_long = how_long, .code = code, .only = kind});
}
void lift() { locked_world()->faults.set(std::nullopt); }

std::uint64_t calls(call kind) { return locked_world()->faults.calls(kind); }
std::uint64_t fallible_calls() { return locked_world()->faults.fallible_calls(); }
std::uint64_t failed_calls() { return locked_world()->faults.failed_calls(); }
void reset_counts() { locked_world()->faults.reset_counts(); }

void limit_bytes(std::uint64_t vram, std::uint64_t page_locked) {
  locked_world const world;
  world->vram_limit = vram;
  world->page_locked_limit = page_locked;
}

totals live() { return locked_world()->live(); }

std::vector<std::string> const& violations() { return the_world().seen; }

cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return cudaStreamBeginCapture(stream, mode);
}

cudaError_t end_capture(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  cudaError_t const result = cudaStreamEndCapture(stream, &graph);
  if (graph != nullptr) cudaGraphDestroy(graph);
  return result;
}

}  // namespace tierpager::cuda_standin
