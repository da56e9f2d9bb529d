// A pager on the CUDA device, on the stand-in runtime with its streams on threads: which CUDA calls each path makes on the
// caller's thread, what graphs may rely on, two devices at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/cuda_device.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {
namespace {

using cuda_standin::call;
using testing::IsEmpty;

constexpr std::uint64_t tensor_bytes = 65'536;  // a granule here
constexpr std::uint32_t tensors = 12;

std::shared_ptr<device> open_cuda(int ordinal = 0) {
  return value_or_throw(cuda_device::open({.ordinal = ordinal, .vram_granule_bytes_min = tensor_bytes}));
}

struct cuda_pager : testing::Test {
  cuda_pager() {
    cuda_standin::reset({.devices = 2, .threads = true});
    cuda_standin::on_call([this](call kind) {
      ++all_[static_cast<std::size_t>(kind)];
      if (std::this_thread::get_id() == me_) ++mine_[cuda_standin::name_of(kind)];
    });
  }
  ~cuda_pager() override {
    cuda_standin::on_call({});
    EXPECT_EQ(cuda_standin::live().objects(), 0U);
    EXPECT_THAT(cuda_standin::violations(), IsEmpty());
    cuda_standin::reset({});  // joins the threads of the streams
  }

  /// The calls that `what` makes on this thread, but for those that every call of the device makes.
  template <class Work>
  std::map<std::string_view, int> calls_of(Work&& what) {
    mine_.clear();
    what();
    for (char const* each : {"cudaPeekAtLastError", "cuCtxGetCurrent", "cudaGetLastError"}) mine_.erase(each);
    return mine_;
  }
  static stream_ref stream_of(pager const& on) { return value_or_throw(on.on().make_stream()); }
  static cudaStream_t cuda(stream_ref stream) { return static_cast<cudaStream_t>(stream.get()); }

  void read(handle const& held, stream_ref stream) {
    auto const check = [this, bytes = std::span(held.data(), held.size_bytes()), &info = model_.tensors[held.id()]] {
      if (first_wrong_byte(info, bytes) != bytes.size()) ++wrong_;
      ++read_;
    };
    ASSERT_EQ(cuda_standin::launch(cuda(stream), {{held.data(), held.size_bytes(), false}}, check, "a read"),
              cudaSuccess);
  }

  watchdog const limit_{"a test of a pager on the CUDA device"};
  pattern_model const model_ = make_pattern_model(tensors, tensor_bytes);
  std::thread::id const me_ = std::this_thread::get_id();
  std::map<std::string_view, int> mine_;
  std::array<std::atomic<std::uint64_t>, cuda_standin::call_kinds> all_{};
  std::atomic<int> wrong_ = 0;
  std::atomic<int> read_ = 0;
};

TEST_F(cuda_pager, refuses_what_is_no_stream_of_its_device_without_a_call) {
  pager paged(model_.tensors, model_.source, open_cuda(), {.vram = bytes(2 * tensor_bytes), .ram = "100%"});
  stream_ref const own = stream_of(paged);
  host_stream of_the_cpu;
  int anything = 0;
  for (stream_ref const foreign : {stream_ref(of_the_cpu), stream_ref(static_cast<void*>(&anything))}) {
    for (bool const resident : {false, true}) {
      if (resident) (void)paged.acquire(tensor_id{0}, own);
      auto const refused = [&](auto&& call) {
        auto const why = failure_of(call);
        return why && why->code == errc::invalid_argument && why->what.find("pass a CUDA stream") != std::string::npos;
      };
      EXPECT_THAT(calls_of([&] {
                    EXPECT_TRUE(refused([&] { return paged.acquire(tensor_id{0}, foreign); }));
                    EXPECT_TRUE(refused([&] { return paged.acquire({"t0", "t1"}, foreign); }));
                    EXPECT_TRUE(refused([&] { return paged.try_acquire(tensor_id{0}, foreign).has_value(); }));
                    EXPECT_TRUE(refused([&] { paged.retire_stream(foreign); }));
                  }),
                  IsEmpty());
    }
    handle held = paged.acquire(tensor_id{0}, own);
    EXPECT_EQ(failure_of([&] { held.release(foreign); }).value().code, errc::invalid_argument);
    EXPECT_TRUE(held);
    device& on = paged.on();
    EXPECT_EQ(on.record(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.capturing(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.wait(foreign, fence{}).error().code, errc::invalid_argument);
    EXPECT_EQ(on.retire(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.read_back(foreign, nullptr).error().code, errc::invalid_argument);
  }
}

TEST_F(cuda_pager, makes_no_call_for_a_hit_and_one_record_for_its_release) {
  pager paged(model_.tensors, model_.source, open_cuda(), {.vram = "unlimited"});
  stream_ref const stream = stream_of(paged);
  std::vector<tensor_id> const set{tensor_id{0}, tensor_id{1}};
  std::vector<handle> first = paged.acquire(set, stream);
  ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  // The copies have run; that they have is known soon.
  while (calls_of([&] { (void)paged.try_acquire(tensor_id{1}, stream); }).at("cudaStreamGetId") > 1) {
  }
  first.clear();
  for (int i = 0; i < 50; ++i) {
    std::vector<handle> held;
    EXPECT_THAT(calls_of([&] { held = paged.acquire(set, stream); }), IsEmpty());
    EXPECT_THAT(calls_of([&] { held.push_back(paged.acquire(tensor_id{0}, stream)); }), IsEmpty());
    EXPECT_THAT(calls_of([&] { held.push_back(*paged.try_acquire(tensor_id{1}, stream)); }), IsEmpty());
    EXPECT_THAT(calls_of([&] { held.push_back(held.front().share()); }), IsEmpty());
    EXPECT_THAT(calls_of([&] { held.push_back(paged.acquire_host(tensor_id{0})); }), IsEmpty());
    EXPECT_THAT(calls_of([&] { held.pop_back(); }), IsEmpty());
    while (!held.empty()) {
      auto const releasing = calls_of([&] { held.pop_back(); });
      EXPECT_EQ(releasing.at("cudaEventRecord"), 1);
      for (auto const& [name, count] : releasing)
        EXPECT_THAT(name, testing::AnyOf("cudaEventRecord", "cudaStreamGetId", "cudaStreamIsCapturing",
                                         "cudaEventQuery", "cudaThreadExchangeStreamCaptureMode"));
    }
  }
}

TEST_F(cuda_pager, makes_no_call_that_waits_on_any_thread_while_it_pages) {
  pager paged(model_.tensors, model_.source, open_cuda(),
              {.vram = bytes(4 * tensor_bytes), .ram = bytes(6 * tensor_bytes)});
  stream_ref const stream = stream_of(paged);
  for (auto& each : all_) each = 0;
  for (std::uint32_t i = 0; i < 5 * tensors; ++i) {
    std::optional<handle> held;
    auto const acquiring = calls_of([&] { held = paged.acquire(tensor_id{i * 5 % tensors}, stream); });
    for (auto const& [name, count] : acquiring)  // what blocks looks at its stream
      EXPECT_THAT(name, testing::AnyOf("cudaStreamGetId", "cudaStreamIsCapturing", "cudaStreamWaitEvent",
                                       "cudaEventRecord", "cudaEventQuery", "cudaThreadExchangeStreamCaptureMode",
                                       "cuCtxPushCurrent", "cuCtxPopCurrent", "cuStreamGetCtx"));
    read(*held, stream);
  }
  for (call const kind : {call::cuda_stream_synchronize, call::cuda_malloc, call::cuda_free, call::cuda_host_alloc,
                          call::cuda_free_host, call::cuda_launch_host_func})
    EXPECT_EQ(all_[static_cast<std::size_t>(kind)], 0U) << cuda_standin::name_of(kind);
  ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(read_, static_cast<int>(5 * tensors));
}

TEST_F(cuda_pager, stalls_only_once_the_stream_has_run_dry) {
  watchdog const limit("a stall on a stream");
  auto const source = std::make_shared<tests::gated_source>(model_.source);
  pager paged(model_.tensors, source, open_cuda(), {.vram = "100%", .ram = "100%"});
  stream_ref const stream = stream_of(paged);
  auto const acquire_slowly = [&](tensor_id id) {
    source->hold();
    std::jthread const caller([&] { handle const held = paged.acquire(id, stream); });
    eventually([&] { return paged.stats().waiting_acquires == 1; });
    source->wait_for_held(1);
    source->release();
  };
  std::promise<void> gate;
  ASSERT_EQ(cuda_standin::launch(
                cuda(stream), {}, [opened = gate.get_future().share()] { opened.wait(); }, "a gate"),
            cudaSuccess);
  acquire_slowly(tensor_id{0});
  EXPECT_EQ(paged.stats().stall_seconds, 0.0);
  gate.set_value();
  ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  // Even on an idle stream it takes a moment until the fence has passed, which may be longer than the wait.
  for (std::uint32_t id = 1; id < tensors && paged.stats().stall_seconds == 0; ++id) acquire_slowly(tensor_id{id});
  EXPECT_GT(paged.stats().stall_seconds, 0.0);
}

TEST_F(cuda_pager, maps_and_page_locks_nothing_after_the_first_pass) {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t i = 0; i < 40; ++i) sizes.push_back(1 + i * 7919 % (i % 3 == 0 ? 50'000 : 4000));
  pattern_model const mixed = make_pattern_model(sizes);
  for (char const* const policy : {"lru", "auto"}) {
    pager paged(mixed.tensors, mixed.source, open_cuda(),
                {.vram = bytes(mixed.tensors.bytes() / 2), .ram = bytes(mixed.tensors.bytes() / 3), .policy = policy});
    stream_ref const stream = stream_of(paged);
    auto const scan = [&] {
      for (std::uint32_t i = 0; i < sizes.size(); ++i) (void)paged.acquire(tensor_id{i}, stream);
    };
    scan();
    for (auto& each : all_) each = 0;
    for (int i = 0; i < 6; ++i) scan();
    for (std::uint32_t i = 0; i < 200; ++i) (void)paged.acquire(tensor_id{i * i * 31 % 40}, stream);
    for (call const kind :
         {call::cu_mem_create, call::cu_mem_release, call::cu_mem_map, call::cu_mem_unmap, call::cu_mem_set_access,
          call::cuda_host_register, call::cuda_host_unregister, call::cuda_host_alloc, call::cuda_malloc})
      EXPECT_EQ(all_[static_cast<std::size_t>(kind)], 0U) << policy << ": " << cuda_standin::name_of(kind);
    EXPECT_GT(paged.stats().vram.evictions(), 0U);
    ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  }
}

TEST_F(cuda_pager, gives_a_capturing_stream_what_is_there_and_refuses_what_is_not) {
  pager paged(model_.tensors, model_.source, open_cuda(),
              {.vram = bytes(4 * tensor_bytes), .ram = bytes(6 * tensor_bytes)});
  stream_ref const stream = stream_of(paged);
  handle const kept = paged.acquire(tensor_id{0}, stream);
  ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  while (calls_of([&] { (void)paged.try_acquire(tensor_id{0}, stream); }).contains("cudaStreamWaitEvent")) {
  }
  cuda_standin::begin_capture(cuda(stream), cudaStreamCaptureModeGlobal);
  statistics const before = paged.stats();
  auto const why = failure_of([&] { return paged.acquire(tensor_id{1}, stream); });
  EXPECT_EQ(why->code, errc::would_wait);
  EXPECT_EQ(paged.stats().acquires, before.acquires);  // nothing was begun
  EXPECT_EQ(paged.acquire(tensor_id{0}, stream).data(), kept.data());
  stream_ref const other = stream_of(paged);  // pages on, on other streams, without breaking the capture
  for (std::uint32_t i = 1; i < tensors; ++i) read(paged.acquire(tensor_id{i}, other), other);
  cuda_standin::end_capture(cuda(stream));
  ASSERT_EQ(cudaStreamSynchronize(cuda(other)), cudaSuccess);
  EXPECT_EQ(wrong_, 0);
}

TEST_F(cuda_pager, keeps_a_held_handle_where_it_is_while_a_graph_is_replayed) {
  pager paged(model_.tensors, model_.source, open_cuda(),
              {.vram = bytes(4 * tensor_bytes), .ram = bytes(6 * tensor_bytes)});
  stream_ref const stream = stream_of(paged);
  handle const held = paged.acquire(tensor_id{3}, stream);
  std::uint64_t const generation = paged.generation(tensor_id{3});
  for (std::uint32_t i = 0; i < 3 * tensors; ++i) {  // a replay reads what was captured, while everything else is paged
    read(held, stream);
    read(paged.acquire(tensor_id{i % tensors}, stream), stream);
    EXPECT_EQ(paged.generation(tensor_id{3}), generation);
  }
  ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  EXPECT_EQ(wrong_, 0);
  EXPECT_GT(paged.stats().vram.evictions(), tensors);
}

// Another thread of the program begins to capture the stream between the questions of a release.
TEST_F(cuda_pager, keeps_what_a_capture_overtakes_until_the_stream_has_another_fence) {
  std::atomic<bool> armed = false;
  std::atomic<cudaStream_t> captured = nullptr;
  cuda_standin::on_return([&](call kind) {
    if (kind != call::cuda_stream_is_capturing || std::this_thread::get_id() != me_ || !armed.exchange(false)) return;
    EXPECT_EQ(cuda_standin::begin_capture(captured, cudaStreamCaptureModeRelaxed), cudaSuccess);
  });
  {
    pager paged(model_.tensors, model_.source, open_cuda(), {.vram = bytes(2 * tensor_bytes), .ram = "unlimited"});
    stream_ref const stream = stream_of(paged);
    captured = cuda(stream);
    std::vector<tensor_id> const first{tensor_id{0}, tensor_id{1}};
    std::vector<tensor_id> const second{tensor_id{2}, tensor_id{3}};
    std::vector<handle> held = paged.acquire(first, stream);
    for (handle const& each : held) read(each, stream);
    armed = true;
    held.clear();
    EXPECT_FALSE(armed);
    ASSERT_EQ(cuda_standin::end_capture(cuda(stream)), cudaSuccess);
    for (handle const& each : paged.acquire(second, stream)) read(each, stream);
    ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
  }
  cuda_standin::on_return({});
  EXPECT_EQ(read_, 4);
  EXPECT_EQ(wrong_, 0);
}

TEST_F(cuda_pager, reserves_less_where_addresses_are_scarce) {
  std::uint64_t const budget_bytes = 4 * tensor_bytes;
  cuda_standin::reset({.reservation_bytes_max = budget_bytes, .threads = true});
  {
    pager paged(model_.tensors, model_.source, open_cuda(), {.vram = bytes(budget_bytes), .ram = "unlimited"});
    stream_ref const stream = stream_of(paged);
    for (std::uint32_t i = 0; i < 2 * tensors; ++i) read(paged.acquire(tensor_id{i % tensors}, stream), stream);
    ASSERT_EQ(cudaStreamSynchronize(cuda(stream)), cudaSuccess);
    EXPECT_EQ(wrong_, 0);
  }
  cuda_standin::reset({.reservation_bytes_max = budget_bytes - 1, .threads = true});
  auto const why = failure_of([&] {
    pager const none(model_.tensors, model_.source, open_cuda(), {.vram = bytes(budget_bytes), .ram = "unlimited"});
  });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::out_of_memory);
}

TEST_F(cuda_pager, works_beside_another_on_another_device) {
  pager first(model_.tensors, model_.source, open_cuda(0),
              {.vram = bytes(3 * tensor_bytes), .ram = bytes(4 * tensor_bytes)});
  pager second(model_.tensors, model_.source, open_cuda(1),
               {.vram = bytes(2 * tensor_bytes), .ram = bytes(5 * tensor_bytes)});
  stream_ref const on_first = stream_of(first);
  stream_ref const on_second = stream_of(second);
  for (std::uint32_t i = 0; i < 4 * tensors; ++i) {
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    read(first.acquire(tensor_id{i % tensors}, on_first), on_first);
    handle const there = second.acquire(tensor_id{(i * 7) % tensors}, on_second);
    int current = -1;  // is left as it was
    ASSERT_EQ(cudaGetDevice(&current), cudaSuccess);
    EXPECT_EQ(current, 0);
    ASSERT_EQ(cudaSetDevice(1), cudaSuccess);  // kernels are launched on the device of their stream
    read(there, on_second);
  }
  ASSERT_EQ(cudaStreamSynchronize(cuda(on_first)), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(cuda(on_second)), cudaSuccess);
  EXPECT_EQ(wrong_, 0);
  EXPECT_LE(first.stats().vram.peak_bytes, 3 * tensor_bytes);
  EXPECT_LE(second.stats().vram.peak_bytes, 2 * tensor_bytes);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

}  // namespace
}  // namespace tierpager::test
