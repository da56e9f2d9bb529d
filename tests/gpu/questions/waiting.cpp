// Which calls wait for the device while a stream is held, and whom they hold up meanwhile.
#include <algorithm>
#include <future>
#include <memory>
#include <thread>

#include <tests/cuda_standin/park.hpp>
#include <tests/gpu/questions/mapped_memory.hpp>
#include <tests/gpu/questions/questions.hpp>

namespace tierpager::questions {
namespace {

constexpr std::chrono::milliseconds patience{300};
constexpr std::size_t bytes = std::size_t{2} << 20U;

/// What other threads do meanwhile: each on a stream of its own.
struct bystander {
  std::string_view name;
  std::function<void()> act;
};

/// Whether a call, on a thread of its own, is still under way after a while. It ends once the stream is let go.
class tried_call {
 public:
  explicit tried_call(std::function<void()> call) : done_(std::async(std::launch::async, std::move(call))) {}
  [[nodiscard]] bool stalls() const { return done_.wait_for(patience) != std::future_status::ready; }
  void finish() { done_.get(); }

 private:
  std::future<void> done_;
};

struct tried {
  bool stalls = false;
  std::string holds_up;
};

tried try_beside_a_held_stream(std::function<void()> const& call, std::vector<bystander> const& others) {
  cuda_standin::parked_stream parked;
  cudaStream_t const held = made_stream();
  need(parked.park(held), "park");
  tried found;
  tried_call under_way(call);
  found.stalls = under_way.stalls();
  list_of_names held_up;
  std::vector<std::unique_ptr<tried_call>> waiting;
  for (bystander const& each : others) {
    waiting.push_back(std::make_unique<tried_call>(each.act));
    if (waiting.back()->stalls()) held_up.add(each.name);
  }
  found.holds_up = held_up.text();
  parked.let_go();
  under_way.finish();
  for (auto const& each : waiting) each->finish();
  need(cudaStreamSynchronize(held), "cudaStreamSynchronize");
  need(cudaStreamDestroy(held), "cudaStreamDestroy");
  return found;
}

/// Everything the bystanders and the calls need, made while nothing is held.
struct stage {
  cudaError_t const current = cudaSetDevice(0);  // the driver's calls want a context
  mapped_memory memory{bytes};
  mapped_memory mapped{bytes};
  std::vector<std::byte> pages = std::vector<std::byte>(4 * bytes);
  void* page_locked = nullptr;
  void* on_device = nullptr;
  cudaStream_t copies = made_stream();
  cudaStream_t records = made_stream();
  cudaStream_t launches = made_stream();
  cudaEvent_t event = nullptr;
  cuda_standin::parked_stream open;

  stage() {
    need(cudaHostAlloc(&page_locked, bytes, cudaHostAllocPortable), "cudaHostAlloc");
    need(cudaMalloc(&on_device, bytes), "cudaMalloc");
    need(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    mapped.create();
    mapped.map();
    mapped.allow();
    open.let_go();
    need(open.park(launches), "a first launch");
    need(cudaStreamSynchronize(launches), "cudaStreamSynchronize");
  }
  std::vector<bystander> bystanders() {
    return {{"copy",
             [this] {
               need(cudaMemcpyAsync(on_device, page_locked, bytes, cudaMemcpyHostToDevice, copies), "cudaMemcpyAsync");
               need(cudaStreamSynchronize(copies), "cudaStreamSynchronize");
             }},
            {"record", [this] { need(cudaEventRecord(event, records), "cudaEventRecord"); }},
            {"launch", [this] { need(open.park(launches), "a launch"); }}};
  }
};

answer stalls() {
  stage on;
  std::byte* const base = on.pages.data() + (4096 - reinterpret_cast<std::uintptr_t>(on.pages.data()) % 4096);
  std::vector<std::pair<char const*, std::function<void()>>> const calls{
      {"cudaHostRegister", [&] { need(cudaHostRegister(base, bytes, cudaHostRegisterPortable), "cudaHostRegister"); }},
      {"cudaHostUnregister", [&] { need(cudaHostUnregister(base), "cudaHostUnregister"); }},
      {"cuMemCreate", [&] { on.memory.create(); }},
      {"cuMemMap", [&] { on.memory.map(); }},
      {"cuMemSetAccess", [&] { on.memory.allow(); }},
      {"cuMemUnmap", [&] { on.memory.unmap(); }},
      {"cuMemRelease", [&] { on.memory.release(); }},
      {"cudaEventCreate",
       [] {
         cudaEvent_t made = nullptr;
         need(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreateWithFlags");
       }},
      {"cudaStreamCreate", [] { (void)made_stream(); }}};
  list_of_names stalling;
  list_of_names holding;
  for (auto const& [name, call] : calls) {
    tried const found = try_beside_a_held_stream(
        [call = call] {
          need(cudaSetDevice(0), "cudaSetDevice");
          call();
        },
        on.bystanders());
    if (found.stalls) stalling.add(name);
    if (found.holds_up != "none") holding.add(std::string(name) + ":" + found.holds_up);
  }
  return {"waits: " + stalling.text() + "; holds up: " + holding.text()};
}

/// Whether work on one of many streams waits for another that is held.
answer shared_queues() {
  constexpr int streams = 40;
  stage on;
  std::vector<cudaStream_t> many(streams);
  for (cudaStream_t& each : many) each = made_stream();
  cuda_standin::parked_stream parked;
  need(parked.park(many.front()), "park");
  int held_up = 0;
  std::vector<std::unique_ptr<tried_call>> waiting;
  for (std::size_t i = 1; i < many.size(); ++i) {
    waiting.push_back(std::make_unique<tried_call>([&, i] {
      need(cudaMemcpyAsync(on.on_device, on.page_locked, 4096, cudaMemcpyHostToDevice, many[i]), "cudaMemcpyAsync");
      need(cudaStreamSynchronize(many[i]), "cudaStreamSynchronize");
    }));
    if (waiting.back()->stalls()) ++held_up;
  }
  parked.let_go();
  for (auto const& each : waiting) each->finish();
  return {held_up == 0 ? "no stream waits for another" : "some streams wait for the one that is held",
          {{"streams", streams}, {"held_up", held_up}}};
}

}  // namespace

std::vector<question> about_waiting() { return {{"stalls", stalls}, {"shared_queues", shared_queues}}; }

}  // namespace tierpager::questions
