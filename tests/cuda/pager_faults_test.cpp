// What a pager on the CUDA device does when a call failed and nothing else would notice, and when it ends: each of these was
// once a fault that no test noticed.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <thread>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/cuda_device.hpp>
#include <tierpager/forwarding_device.hpp>
#include <tierpager/pager.hpp>

// In front of the C library's, which sanitizers have one in front of already.
#if defined(__has_feature)
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define TIERPAGER_REFUSES_THREADS
#endif
#elif !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TIERPAGER_REFUSES_THREADS
#endif
#ifdef TIERPAGER_REFUSES_THREADS
static std::atomic<int> threads_left = -1;  // that are not refused; any number of them
extern "C" int pthread_create(pthread_t* thread, pthread_attr_t const* attributes, void* (*run)(void*), void* of) {
  static auto* const real = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left.load() == 0) return EAGAIN;
  if (threads_left.load() > 0) --threads_left;
  return real(thread, attributes, run, of);
}
#endif

namespace tierpager::test {
namespace {

using cuda_standin::call;
using cuda_standin::lasting;

constexpr std::uint64_t tensor_bytes = 65'536;
constexpr std::uint32_t tensors = 6;

struct pager_faults : testing::Test {
  pager_faults() {
    cuda_standin::reset({.threads = true});
    device_ = value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes}));
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
  }
  ~pager_faults() override {
    cuda_standin::on_call({});
    EXPECT_EQ(cudaStreamDestroy(stream_), lost_ ? cudaErrorIllegalAddress : cudaSuccess);
    for (std::string const& each : cuda_standin::violations()) ADD_FAILURE() << each;
    cuda_standin::reset({});
  }
  pager open(std::uint64_t room) {
    return {model_.tensors,
            model_.source,
            std::exchange(device_, nullptr),
            {.vram = bytes(room * tensor_bytes), .ram = "unlimited"}};
  }
  /// A kernel that reads the tensor once the gate is open.
  void read_late(handle const& held) {
    ASSERT_EQ(cuda_standin::launch(
                  stream_, {{held.data(), held.size_bytes(), false}}, [this] { gate_.wait(); }, "a late kernel"),
              cudaSuccess);
  }
  void open_gate_soon() {
    opener_ = std::jthread([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      gate_.count_down();
    });
  }
  /// So that a hit makes no call: its stream is known, and so is that its copy has run.
  void warm(pager& paged, tensor_id id) {
    do {
      cuda_standin::reset_counts();
      (void)paged.acquire(id, stream_);
    } while (cuda_standin::calls(call::cuda_stream_wait_event) > 0 || cuda_standin::calls(call::cu_stream_get_ctx) > 0);
  }
  void expect_lost(pager& paged, tensor_id hit) {
    lost_ = true;
    auto const why = failure_of([&] { (void)paged.acquire(hit, stream_); });
    ASSERT_TRUE(why) << "an acquire on a lost device succeeds";
    EXPECT_EQ(why->code, errc::device_lost);
  }

  watchdog const limit_{"pager_faults"};
  pattern_model const model_ = make_pattern_model(tensors, tensor_bytes);
  std::shared_ptr<device> device_;
  cudaStream_t stream_ = nullptr;
  bool lost_ = false;
  std::latch gate_{1};
  std::jthread opener_;
};

// The end ---------------------------------------------------------------------------------------------------------

TEST_F(pager_faults, a_pager_that_ends_waits_for_uses_whose_fence_could_not_be_recorded) {
  pager paged = open(3);
  handle held = paged.acquire(tensor_id{0}, stream_);
  read_late(held);
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  held.release();
  open_gate_soon();
}

TEST_F(pager_faults, a_pager_that_ends_asks_again_where_asking_fails) {
  std::atomic<int> fails = 0;
  cuda_standin::on_call([&](call kind) {
    if (kind == call::cuda_event_query && fails > 0 && fails-- > 0)
      cuda_standin::fail_nth(call::cuda_event_query, 1, lasting::once);
  });
  pager paged = open(3);
  handle held = paged.acquire(tensor_id{0}, stream_);
  read_late(held);
  held.release();
  fails = 3;
  open_gate_soon();
}

/// Makes each copy, and reports one as failed; and is looked at when it ends.
class late_failure final : public forwarding_device {
 public:
  explicit late_failure(std::shared_ptr<device> real) : forwarding_device(std::move(real)) {}
  ~late_failure() override {
    EXPECT_EQ(cudaStreamQuery(static_cast<cudaStream_t>(copy_stream().get())), cudaSuccess)
        << "a copy is to come when the device goes";
  }
  result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) override {
    auto const made = forwarding_device::copy_async(vram_offset, ram_offset, bytes);
    return failing ? result<fence>(failed()) : made;
  }
  result<fence> record(stream_ref stream) override {
    return failing ? result<fence>(failed()) : forwarding_device::record(stream);
  }
  std::atomic<bool> failing = true;

 private:
  static failure failed() { return {.code = errc::device_failed, .what = "as the test asked"}; }
};

TEST_F(pager_faults, a_pager_that_ends_waits_for_a_copy_whose_call_failed) {
  auto const on = std::make_shared<late_failure>(std::exchange(device_, nullptr));
  late_failure& failing = *on;
  auto const copies = static_cast<cudaStream_t>(on->copy_stream().get());
  {
    std::optional<pager> paged;
    paged.emplace(model_.tensors, model_.source, std::shared_ptr<device>(on),
                  pager_options{.vram = bytes(2 * tensor_bytes), .ram = "unlimited"});
    cuda_standin::hold(copies);
    EXPECT_TRUE(failure_of([&] { (void)paged->acquire(tensor_id{0}, stream_); }));
    failing.failing = false;
    opener_ = std::jthread([copies] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      cuda_standin::let_go(copies);
    });
    paged.reset();
    EXPECT_EQ(cudaStreamQuery(copies), cudaSuccess);
  }
}

// A lost device -----------------------------------------------------------------------------------------------------

TEST_F(pager_faults, a_device_that_a_release_finds_lost_is_lost_to_the_next_hit) {
  pager paged = open(3);
  warm(paged, tensor_id{0});
  stream_ref const another = value_or_throw(paged.on().make_stream());  // on which there is nothing to prove
  handle held = paged.acquire(tensor_id{0}, another);
  cuda_standin::kill_context(cudaErrorIllegalAddress);
  held.release();
  expect_lost(paged, tensor_id{0});
}

TEST_F(pager_faults, a_device_that_proving_an_earlier_use_finds_lost_is_lost) {
  pager paged = open(3);
  warm(paged, tensor_id{0});
  handle held = paged.acquire(tensor_id{0}, stream_);
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  held.release();
  cuda_standin::kill_context(cudaErrorIllegalAddress);
  expect_lost(paged, tensor_id{0});
}

// The copy is to wait for the use of what left, and that call finds it.
TEST_F(pager_faults, a_device_that_a_copy_finds_lost_is_lost_to_the_next_hit) {
  pager paged = open(2);
  warm(paged, tensor_id{0});
  handle const held = paged.acquire(tensor_id{0}, stream_);
  handle used = paged.acquire(tensor_id{1}, stream_);
  read_late(used);
  used.release();
  cuda_standin::fail_nth(call::cuda_stream_wait_event, 1, lasting::sticky);
  EXPECT_TRUE(failure_of([&] { (void)paged.acquire(tensor_id{2}, stream_); }));
  gate_.count_down();
  expect_lost(paged, tensor_id{0});
}

TEST_F(pager_faults, a_device_that_a_change_of_budget_finds_lost_is_lost_to_the_next_hit) {
  pager paged = open(3);
  warm(paged, tensor_id{0});
  handle const held = paged.acquire(tensor_id{0}, stream_);
  cuda_standin::fail_nth(call::cu_mem_create, 1, lasting::sticky);
  (void)failure_of([&] { paged.set_budget(tier::vram, bytes(5 * tensor_bytes)); });
  lost_ = true;
  std::vector<handle> hits;  // not released, which would find it too
  auto const lost = [&] {
    auto const why = failure_of([&] { hits.push_back(paged.acquire(tensor_id{0}, stream_)); });
    return why && why->code == errc::device_lost;
  };
  for (int i = 0; i < 500 && !lost(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_TRUE(lost());
}

TEST_F(pager_faults, a_use_ends_where_its_stream_cannot_wait_for_the_copy) {
  pager paged = open(2);
  cuda_standin::hold(static_cast<cudaStream_t>(paged.on().copy_stream().get()));
  cuda_standin::fail_nth(call::cuda_stream_wait_event, 1, lasting::once);
  EXPECT_TRUE(failure_of([&] { (void)paged.acquire(tensor_id{0}, stream_); }));
  cuda_standin::let_go(static_cast<cudaStream_t>(paged.on().copy_stream().get()));
  std::vector<tensor_id> const set{tensor_id{2}, tensor_id{3}};
  EXPECT_FALSE(failure_of([&] { (void)paged.acquire(set, stream_); }));
}

// All VRAM is held by another owner: nobody asks the device but those who wait.
struct blocked_on_a_lost_device : pager_faults {
  void expect_lost_while_blocked(std::function<void()> const& before, std::function<void()> const& meanwhile) {
    pager paged = open(2);
    std::vector<tensor_id> const set{tensor_id{0}, tensor_id{1}};
    auto const held = paged.acquire(set, stream_, {.owner = owner_id{7}});
    warm(paged, tensor_id{0});
    before();
    std::optional<failure> why;
    std::jthread blocked([&] {
      auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
      why = failure_of([&] { (void)paged.acquire(tensor_id{2}, stream_, {.deadline = deadline}); });
    });
    meanwhile();
    blocked.join();
    lost_ = true;
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, errc::device_lost) << why->what;
  }
};

TEST_F(blocked_on_a_lost_device, is_whoever_found_it_by_blocking) {
  expect_lost_while_blocked([] { cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::sticky); }, [] {});
}

TEST_F(blocked_on_a_lost_device, is_whoever_has_work_on_a_stream) {
  expect_lost_while_blocked(
      [this] {
        ASSERT_EQ(cuda_standin::launch(
                      stream_, {}, [this] { gate_.wait(); }, "work before the wait"),
                  cudaSuccess);
      },
      [this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        cuda_standin::kill_context(cudaErrorIllegalAddress);
        gate_.count_down();
      });
}

// What else ---------------------------------------------------------------------------------------------------------

TEST_F(pager_faults, no_copy_follows_one_that_failed) {
  pager paged(model_.tensors, model_.source, std::exchange(device_, nullptr),
              {.vram = bytes(3 * tensor_bytes), .ram = "unlimited", .chunk_bytes = tensor_bytes / 8});
  (void)paged.acquire_host(tensor_id{0});  // all of it is there
  cuda_standin::reset_counts();
  cuda_standin::fail_nth(call::cuda_memcpy_async, 1, lasting::once);
  EXPECT_TRUE(failure_of([&] { (void)paged.acquire(tensor_id{0}, stream_); }));
  (void)paged.acquire(tensor_id{1}, stream_);
  EXPECT_LE(cuda_standin::calls(call::cuda_memcpy_async), 1U + 8U) << "those of the second tensor";
}

TEST_F(pager_faults, memory_that_is_refused_to_a_larger_budget_is_warned_of) {
  std::mutex mutex;
  std::string warned;
  pager paged(model_.tensors, model_.source, std::exchange(device_, nullptr),
              {.vram = bytes(2 * tensor_bytes), .ram = "unlimited", .on_warning = [&](std::string const& what) {
                 std::scoped_lock const lock(mutex);
                 warned += what;
               }});
  cuda_standin::fail_nth(call::cu_mem_create, 1, lasting::for_ever, cudaErrorMemoryAllocation);
  (void)failure_of([&] { paged.set_budget(tier::vram, bytes(5 * tensor_bytes)); });
  auto const told = [&] {
    std::scoped_lock const lock(mutex);
    return !warned.empty();
  };
  for (int i = 0; i < 500 && !told(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_TRUE(told());
}

/// A user's own, which throws what this library throws.
struct throwing_source final : source {
  status read(std::uint32_t, std::uint64_t, std::span<std::byte>) override {
    throw error({.code = errc::file_changed, .what = "the user's own words", .file = "mine.bin"});
  }
};

TEST_F(pager_faults, what_a_source_throws_is_what_an_acquire_fails_with) {
  pager paged(model_.tensors, std::make_shared<throwing_source>(), std::exchange(device_, nullptr),
              {.vram = bytes(2 * tensor_bytes), .ram = "unlimited"});
  auto const why = failure_of([&] { (void)paged.acquire(tensor_id{0}, stream_); });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::file_changed);
  EXPECT_EQ(why->what, "the user's own words");
}

// Uses and streams ----------------------------------------------------------------------------------------------------

TEST_F(pager_faults, a_stream_that_is_retired_proves_the_uses_that_could_not_be_fenced) {
  pager paged = open(2);
  cudaStream_t brief = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&brief, cudaStreamNonBlocking), cudaSuccess);
  for (std::uint32_t i = 0; i < 2; ++i) {
    handle held = paged.acquire(tensor_id{i}, brief);
    if (i == 1) cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
    held.release();
  }
  paged.retire_stream(brief);
  EXPECT_EQ(cudaStreamDestroy(brief), cudaSuccess);
  std::vector<tensor_id> const set{tensor_id{2}, tensor_id{3}};
  EXPECT_FALSE(failure_of([&] { (void)paged.acquire(set, stream_); }));
}

TEST_F(pager_faults, a_stream_that_is_retired_is_refused_afterwards) {
  pager paged = open(2);
  cudaStream_t brief = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&brief, cudaStreamNonBlocking), cudaSuccess);
  (void)paged.acquire(tensor_id{0}, brief);
  paged.retire_stream(brief);
  auto const why = failure_of([&] { (void)paged.acquire(tensor_id{0}, brief); });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::invalid_argument);
  EXPECT_EQ(cudaStreamDestroy(brief), cudaSuccess);
}

TEST_F(pager_faults, a_retirement_that_fails_leaves_the_stream_as_it_was) {
  pager paged = open(2);
  handle held = paged.acquire(tensor_id{0}, stream_);
  read_late(held);
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  EXPECT_TRUE(failure_of([&] { paged.retire_stream(stream_); }));
  held.release();  // would wait for the retirement's fence for ever
  open_gate_soon();
  std::vector<tensor_id> const set{tensor_id{2}, tensor_id{3}};
  EXPECT_FALSE(failure_of([&] { (void)paged.acquire(set, stream_); }));
}

#ifdef TIERPAGER_REFUSES_THREADS
TEST_F(pager_faults, threads_that_started_are_ended_where_the_system_refuses_another) {
  for (int before = 0; before < 5; ++before) {
    std::shared_ptr<device> const on =
        before == 0 ? device_ : value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes}));
    threads_left = before;
    auto const why = failure_of([&] {
      pager const paged(model_.tensors, model_.source, on,
                        {.vram = bytes(2 * tensor_bytes), .ram = bytes(2 * tensor_bytes), .reader_threads = 3});
    });
    threads_left = -1;
    ASSERT_TRUE(why) << before;
    EXPECT_EQ(why->code, errc::out_of_memory);
  }
}
#endif

}  // namespace
}  // namespace tierpager::test
