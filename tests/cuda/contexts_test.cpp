// Contexts: the device uses its own GPU's primary one, creates none elsewhere, leaves the caller's current ones as they are,
// refuses streams of others, and knows when its own is dead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/cuda_device.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {
namespace {

using cuda_standin::call;
using cuda_standin::lasting;
using testing::HasSubstr;

constexpr std::uint64_t tensor_bytes = 65'536;
constexpr std::uint32_t tensors = 6;

std::unique_ptr<device> open_cuda(int ordinal) {
  return value_or_throw(cuda_device::open({.ordinal = ordinal, .vram_granule_bytes_min = tensor_bytes}));
}

cudaStream_t made_stream() {
  cudaStream_t made = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), cudaSuccess);
  return made;
}

struct cuda_contexts : testing::Test {
  cuda_contexts() { reset({}); }
  ~cuda_contexts() override {
    cuda_standin::on_call({});
    EXPECT_EQ(cuda_standin::live().objects(), 0U);
    for (std::string const& each : cuda_standin::violations()) ADD_FAILURE() << each;
    cuda_standin::reset({});
  }
  /// Two devices, their streams on threads.
  static void reset(cuda_standin::world_options options) {
    options.devices = 2;
    options.threads = true;
    cuda_standin::reset(options);
  }
  pager paged_on(int ordinal) const {
    return {model_.tensors, model_.source, open_cuda(ordinal), {.vram = bytes(3 * tensor_bytes), .ram = "unlimited"}};
  }
  /// Every tensor twice, on a thread that has made no CUDA call; gives back how many contexts it had at its end.
  static std::uint64_t page_on_a_fresh_thread(pager& paged, stream_ref stream) {
    std::uint64_t contexts = 0;
    std::thread([&] {
      for (std::uint32_t i = 0; i < 2 * tensors; ++i) (void)paged.acquire(tensor_id{i % tensors}, stream);
      contexts = cuda_standin::contexts_on_this_thread();
    }).join();
    return contexts;
  }

  watchdog const limit_{"contexts"};
  pattern_model const model_ = make_pattern_model(tensors, tensor_bytes);
};

TEST_F(cuda_contexts, are_created_on_the_gpu_of_the_device_alone) {
  {
    pager paged = paged_on(1);
    stream_ref const stream = value_or_throw(paged.on().make_stream());
    EXPECT_EQ(page_on_a_fresh_thread(paged, stream), 0U);
    EXPECT_TRUE(paged.on().free_vram_bytes().ok());
    paged.set_budget(tier::ram, bytes(4 * tensor_bytes));
    paged.set_budget(tier::vram, bytes(2 * tensor_bytes));
    EXPECT_TRUE(cuda_standin::context_exists(1));
  }
  EXPECT_FALSE(cuda_standin::context_exists(0));
  EXPECT_FALSE(cuda_standin::context_exists(1)) << "nobody else used it";
  EXPECT_EQ(cuda_standin::contexts_on_this_thread(), 0U);
}

TEST_F(cuda_contexts, are_not_asked_of_a_gpu_that_another_process_has_for_itself) {
  reset({.occupied_device = 0});
  auto const refused = cuda_device::open({});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().what, HasSubstr("cudaErrorDevicesUnavailable"));
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  pager paged = paged_on(1);
  page_on_a_fresh_thread(paged, value_or_throw(paged.on().make_stream()));
}

TEST_F(cuda_contexts, of_the_caller_s_stay_current) {
  cuda_standin::enter_own_context(0);
  {
    pager paged = paged_on(0);
    stream_ref const stream = value_or_throw(paged.on().make_stream());
    for (std::uint32_t i = 0; i < 2 * tensors; ++i) (void)paged.acquire(tensor_id{i % tensors}, stream);
    EXPECT_EQ(cuda_standin::contexts_on_this_thread(), 1U);
  }
  EXPECT_FALSE(cuda_standin::context_exists(0)) << "the caller's own is not the primary one";
  cudaStream_t const mine = made_stream();  // in the caller's own, as before
  EXPECT_FALSE(cuda_standin::context_exists(0));
  EXPECT_EQ(cudaStreamDestroy(mine), cudaSuccess);
  cuda_standin::leave_context();
  EXPECT_EQ(cuda_standin::contexts_on_this_thread(), 0U);
}

TEST_F(cuda_contexts, are_taken_off_again_though_the_first_try_fails) {
  std::unique_ptr<device> const on = open_cuda(1);
  for (lasting const how : {lasting::once, lasting::sticky}) {
    cuda_standin::fail_nth(call::cu_ctx_pop_current, 1, how);
    (void)on->free_vram_bytes();
    EXPECT_EQ(cuda_standin::contexts_on_this_thread(), 0U);
  }
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

TEST_F(cuda_contexts, that_cannot_be_entered_are_an_error_and_nothing_is_called) {
  std::unique_ptr<device> const on = open_cuda(1);
  for (call const kind : {call::cu_ctx_get_current, call::cu_ctx_push_current}) {
    cuda_standin::fail_nth(kind, 1, lasting::once);
    cuda_standin::reset_counts();
    EXPECT_EQ(on->free_vram_bytes().error().code, errc::device_failed);
    EXPECT_EQ(cuda_standin::calls(call::cuda_mem_get_info), 0U);
  }
  EXPECT_TRUE(on->free_vram_bytes().ok());
  EXPECT_FALSE(cuda_standin::context_exists(0));
}

// Streams of others ------------------------------------------------------------------------------------------------

struct foreign_streams_on_cuda : cuda_contexts {
  /// `stream` is refused by whatever acquires, also by a hit, and nothing is held afterwards.
  void expect_refused(pager& paged, stream_ref stream) {
    for (std::uint32_t i = 0; i < tensors; ++i) {
      auto const why = failure_of([&] { (void)paged.acquire(tensor_id{i}, stream); });
      ASSERT_TRUE(why);
      EXPECT_EQ(why->code, errc::invalid_argument);
      EXPECT_THAT(why->what, HasSubstr("context"));
      EXPECT_THAT(why->what, HasSubstr("cudaSetDevice"));
    }
    auto const tried = failure_of([&] { (void)paged.try_acquire(tensor_id{0}, stream); });
    ASSERT_TRUE(tried);
    EXPECT_EQ(tried->code, errc::invalid_argument);
  }
};

TEST_F(foreign_streams_on_cuda, are_refused_at_the_acquire_where_they_are_of_another_device) {
  pager paged = paged_on(0);
  stream_ref const own = value_or_throw(paged.on().make_stream());
  handle const held = paged.acquire(tensor_id{0}, own);  // so that another acquire of it would be a hit
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t const other = made_stream();
  expect_refused(paged, stream_ref(other));
  expect_refused(paged, stream_ref(cudaStreamLegacy));
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  expect_refused(paged, stream_ref(other));
  (void)paged.acquire(tensor_id{0}, cudaStreamLegacy);  // of the device, by now
  for (std::uint32_t i = 0; i < tensors; ++i) (void)paged.acquire(tensor_id{i}, own);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

TEST_F(foreign_streams_on_cuda, are_refused_at_the_acquire_where_they_are_of_another_context) {
  pager paged = paged_on(0);
  cuda_standin::enter_own_context(0);
  cudaStream_t const other = made_stream();
  cuda_standin::leave_context();
  expect_refused(paged, stream_ref(other));
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

// CUDA leaves open what happens where a stream that captures is asked for its context.
TEST_F(foreign_streams_on_cuda, are_not_asked_about_while_they_capture) {
  pager paged = paged_on(0);
  stream_ref const own = value_or_throw(paged.on().make_stream());
  handle const held = paged.acquire(tensor_id{0}, own);
  stream_ref const another = value_or_throw(paged.on().make_stream());
  do {  // until it is known that the copy has run: what captures cannot wait for it
    cuda_standin::reset_counts();
    (void)paged.acquire(tensor_id{0}, another);
  } while (cuda_standin::calls(call::cuda_stream_wait_event) > 0);
  cudaStream_t const capturing = made_stream();
  ASSERT_EQ(cuda_standin::begin_capture(capturing, cudaStreamCaptureModeRelaxed), cudaSuccess);
  handle const hit = paged.acquire(tensor_id{0}, capturing);
  ASSERT_EQ(cuda_standin::end_capture(capturing), cudaSuccess);
  cuda_standin::reset_counts();
  (void)paged.acquire(tensor_id{0}, capturing);
  EXPECT_EQ(cuda_standin::calls(call::cu_stream_get_ctx), 1U);
  (void)paged.acquire(tensor_id{0}, capturing);
  EXPECT_EQ(cuda_standin::calls(call::cu_stream_get_ctx), 1U) << "once is enough";
  paged.retire_stream(capturing);
  EXPECT_EQ(cudaStreamDestroy(capturing), cudaSuccess);
}

// CUDA gives out a destroyed stream's handle again.
TEST_F(foreign_streams_on_cuda, are_not_taken_for_one_that_was_retired) {
  pager paged = paged_on(0);
  stream_ref const own = value_or_throw(paged.on().make_stream());
  handle const held = paged.acquire(tensor_id{0}, own);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  cudaStream_t const first = made_stream();
  (void)paged.acquire(tensor_id{0}, first);
  paged.retire_stream(first);
  ASSERT_EQ(cudaStreamDestroy(first), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  std::vector<cudaStream_t> others{made_stream()};
  while (others.back() != first && others.size() < 100) others.push_back(made_stream());
  ASSERT_EQ(others.back(), first);
  EXPECT_TRUE(failure_of([&] { (void)paged.acquire(tensor_id{0}, first); }));
  for (cudaStream_t const each : others) EXPECT_EQ(cudaStreamDestroy(each), cudaSuccess);
}

// A handle of a stream that is none of the device's, by its release: the use has no end that can be proved.
TEST_F(foreign_streams_on_cuda, show_why_no_fence_was_recorded_where_a_release_names_one) {
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t const other = made_stream();
  {
    pager paged = paged_on(0);
    stream_ref const own = value_or_throw(paged.on().make_stream());
    stream_ref const another = value_or_throw(paged.on().make_stream());  // whose acquire proves nothing of `own`
    paged.acquire(tensor_id{0}, own).release(other);
    handle second = paged.acquire(tensor_id{1}, own);
    cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
    second.release();  // fails later, and for another reason
    std::vector<tensor_id> const set{tensor_id{2}, tensor_id{3}};
    auto const why = failure_of([&] { (void)paged.acquire(set, another); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, errc::device_failed);
    EXPECT_THAT(why->what,
                HasSubstr("no fence could be recorded behind 2 uses: CUDA device 0: the stream is of another"));
  }
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

// Dead contexts ----------------------------------------------------------------------------------------------------

TEST_F(cuda_contexts, that_are_dead_are_lost_whatever_the_code_and_whoever_took_the_last_error) {
  for (int const code : {46, 806, 807, 999, 700}) {
    reset({});
    std::unique_ptr<device> on = open_cuda(0);
    stream_ref const stream = value_or_throw(on->make_stream());
    std::unique_ptr<device> const beside = open_cuda(1);
    cuda_standin::kill_context(static_cast<cudaError_t>(code));
    EXPECT_NE(cudaFree(on.get()), cudaSuccess);  // the caller notices first, and takes its error
    EXPECT_NE(cudaGetLastError(), cudaSuccess);
    EXPECT_EQ(on->record(stream).error().code, errc::device_lost) << code;
    cuda_standin::reset_counts();
    EXPECT_EQ(on->free_vram_bytes().error().code, errc::device_lost) << code;
    EXPECT_EQ(cuda_standin::calls(call::cuda_mem_get_info), 0U) << "it is known by then";
    EXPECT_TRUE(beside->free_vram_bytes().ok()) << "another GPU's";
    EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  }
}

TEST_F(cuda_contexts, that_are_alive_are_not_lost_because_a_call_failed) {
  std::unique_ptr<device> const on = open_cuda(0);
  stream_ref const stream = value_or_throw(on->make_stream());
  cuda_standin::hold(static_cast<cudaStream_t>(on->copy_stream().get()));  // "not yet" is an answer too
  ASSERT_TRUE(on->record(on->copy_stream()).ok());
  for (int const code : {46, 806, 807, 999}) {
    cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once, static_cast<cudaError_t>(code));
    EXPECT_EQ(on->record(stream).error().code, errc::device_failed) << code;
    EXPECT_TRUE(on->record(stream).ok()) << code;
  }
  cuda_standin::let_go(static_cast<cudaStream_t>(on->copy_stream().get()));
}

// The question must not break the capture of anybody.
TEST_F(cuda_contexts, are_asked_whether_they_live_while_a_stream_captures) {
  std::unique_ptr<device> const on = open_cuda(0);
  stream_ref const stream = value_or_throw(on->make_stream());
  cudaStream_t const capturing = made_stream();
  ASSERT_EQ(cuda_standin::begin_capture(capturing, cudaStreamCaptureModeGlobal), cudaSuccess);
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  EXPECT_EQ(on->record(stream).error().code, errc::device_failed);
  EXPECT_EQ(cuda_standin::calls(call::cuda_stream_query), 1U);
  EXPECT_EQ(cuda_standin::end_capture(capturing), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(capturing), cudaSuccess);
}

}  // namespace
}  // namespace tierpager::test
