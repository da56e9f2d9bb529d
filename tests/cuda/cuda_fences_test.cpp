// Fences, streams and captures of the CUDA device: which calls they cost, and what holds when several threads record.
#include <array>
#include <thread>
#include <utility>

#include <tests/cuda/standin_device.hpp>

namespace tierpager::tests {
namespace {

using cuda_standin::call;
using cuda_fences = cuda_device_on_standin;

TEST_F(cuda_fences, a_fence_costs_one_record_and_its_event_is_used_again) {
  open();
  cudaStream_t const mine = stream();
  until_passed(value_or_throw(port().record(mine)));
  cuda_standin::reset_counts();
  for (int i = 0; i < 10; ++i) until_passed(value_or_throw(port().record(mine)));
  EXPECT_EQ(calls(call::cuda_event_record), 10U);
  EXPECT_EQ(calls(call::cuda_event_create_with_flags), 0U);
  EXPECT_EQ(calls(call::cuda_stream_synchronize), 0U);
}

TEST_F(cuda_fences, only_a_wait_for_another_stream_s_open_fence_is_a_call) {
  open();
  cudaStream_t const mine = stream();
  cudaStream_t const other = stream();
  fence const own = value_or_throw(port().record(mine));
  cuda_standin::reset_counts();
  ASSERT_TRUE(port().wait(mine, own).ok());
  EXPECT_EQ(calls(call::cuda_stream_wait_event), 0U);
  ASSERT_TRUE(port().wait(other, own).ok());
  EXPECT_EQ(calls(call::cuda_stream_wait_event), 1U);
  until_passed(own);
  ASSERT_TRUE(port().wait(other, own).ok());
  EXPECT_EQ(calls(call::cuda_stream_wait_event), 1U);
}

TEST_F(cuda_fences, a_fence_known_to_have_passed_is_not_asked_about_again) {
  open();
  cudaStream_t const mine = stream();
  fence const before = value_or_throw(port().record(mine));
  fence const last = value_or_throw(port().record(mine));
  until_passed(last);
  cuda_standin::reset_counts();
  EXPECT_TRUE(value_or_throw(port().passed(before)));
  EXPECT_TRUE(value_or_throw(port().passed(last)));
  EXPECT_EQ(calls(call::cuda_event_query), 0U);
}

TEST_F(cuda_fences, fences_nobody_asks_about_keep_few_events_and_none_passes_early) {
  open();
  cudaStream_t const mine = stream();
  fence const done = value_or_throw(port().record(mine));
  until_passed(done);
  cuda_standin::hold(mine);
  std::vector<fence> fences;
  for (int i = 0; i < 500; ++i) {
    fences.push_back(value_or_throw(port().record(mine)));
    EXPECT_FALSE(value_or_throw(port().passed(fences.back())));
  }
  EXPECT_LE(cuda_standin::live().events, 66U);
  EXPECT_TRUE(value_or_throw(port().passed(done)));
  for (fence const each : fences) EXPECT_FALSE(value_or_throw(port().passed(each)));
  cuda_standin::let_go(mine);
  cuda_standin::run_all();
  for (fence const each : fences) EXPECT_TRUE(value_or_throw(port().passed(each)));
}

TEST_F(cuda_fences, fences_unknown_to_the_device_are_errors) {
  open();
  cudaStream_t const mine = stream();
  fence const recorded = value_or_throw(port().record(mine));
  EXPECT_EQ(port().passed({recorded.stream, recorded.sequence + 1}).error().code, errc::invalid_argument);
  EXPECT_EQ(port().wait(mine, {recorded.stream + 1, 1}).error().code, errc::invalid_argument);
  EXPECT_EQ(port().record(cudaStreamPerThread).error().code, errc::invalid_argument);
  EXPECT_EQ(port().retire(port().copy_stream()).error().code, errc::invalid_argument);
}

// Each thread's work is followed by its fence; sequences of all threads are in the order of the work.
TEST_F(cuda_fences, of_several_threads_on_one_stream_pass_in_the_order_of_their_numbers) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 15;
  open();
  stop_stepping();
  for (int round = 0; round < 100; ++round) {
    cudaStream_t const shared = stream();
    std::array<bool, threads * each> done{};
    std::array<fence, threads * each> fences{};
    {
      std::vector<std::jthread> recorders;
      for (std::size_t number = 0; number < threads; ++number) {
        recorders.emplace_back([&, number] {
          for (std::size_t i = number * each; i < (number + 1) * each; ++i) {
            cuda_standin::launch(
                shared, {}, [&done, i] { done.at(i) = true; }, "work");
            fences.at(i) = value_or_throw(port().record(shared));
          }
        });
      }
    }
    for (bool more = true; more;) {
      more = cuda_standin::step();
      for (std::size_t i = fences.size(); i-- > 0;) {
        bool const over = value_or_throw(port().passed(fences.at(i)));
        ASSERT_TRUE(!over || done.at(i)) << "round " << round;
      }
    }
  }
}

// The first thread has recorded its event, and has no number for it yet, when another works and records on the stream.
TEST_F(cuda_fences, of_one_thread_overtaken_by_another_stands_for_what_both_had_queued) {
  open();
  stop_stepping();
  cudaStream_t const shared = stream();
  bool done = false;
  bool overtaken = false;
  fence second;
  cuda_standin::on_return([&](call kind) {
    if (kind != call::cuda_event_record || std::exchange(overtaken, true)) return;
    cuda_standin::launch(
        shared, {}, [&done] { done = true; }, "work of the second thread");
    second = value_or_throw(port().record(shared));
  });
  fence const first = value_or_throw(port().record(shared));
  cuda_standin::on_return({});
  EXPECT_GT(first.sequence, second.sequence);
  for (bool more = true; more;) {
    EXPECT_TRUE(!value_or_throw(port().passed(first)) || done);
    EXPECT_TRUE(!value_or_throw(port().passed(second)) || done);
    more = cuda_standin::step();
  }
  EXPECT_TRUE(value_or_throw(port().passed(first)));
}

TEST_F(cuda_fences, a_capture_goes_on_whatever_the_device_is_asked) {
  open();
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, granule});
  cudaStream_t const captured = stream();
  cudaStream_t const other = stream();
  cuda_standin::hold(other);
  fence const open_fence = value_or_throw(port().record(other));
  ASSERT_EQ(cuda_standin::begin_capture(captured, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_TRUE(value_or_throw(port().capturing(captured)));
  EXPECT_FALSE(value_or_throw(port().capturing(other)));
  EXPECT_EQ(port().record(captured).error().code, errc::would_wait);
  EXPECT_EQ(port().wait(captured, open_fence).error().code, errc::would_wait);
  EXPECT_EQ(port().read_back(captured, vram_).error().code, errc::would_wait);
  EXPECT_FALSE(value_or_throw(port().passed(open_fence)));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(port().record(other).ok());  // new events, and queries to thin them out
  fence const copied = value_or_throw(port().copy_async(0, 0, granule));
  EXPECT_TRUE(port().free_vram_bytes().ok());
  for (tier const where : {tier::vram, tier::ram}) {
    EXPECT_TRUE(port().commit(where, {granule, granule}).ok());
    EXPECT_TRUE(port().decommit(where, {granule, granule}).ok());
  }
  cuda_standin::let_go(other);
  EXPECT_TRUE(port().wait(other, copied).ok());
  EXPECT_TRUE(port().read_back(other, vram_).ok());
  EXPECT_EQ(cuda_standin::end_capture(captured), cudaSuccess);
  EXPECT_TRUE(port().record(captured).ok());
}

// Another thread begins a capture on the stream once it was seen not to capture.
TEST_F(cuda_fences, that_a_capture_overtakes_are_refused_and_the_capture_is_not_broken) {
  open();
  cudaStream_t const mine = stream();
  ASSERT_TRUE(port().record(mine).ok());
  bool begun = false;
  cuda_standin::on_return([&](call kind) {
    if (kind != call::cuda_stream_is_capturing || std::exchange(begun, true)) return;
    EXPECT_EQ(cuda_standin::begin_capture(mine, cudaStreamCaptureModeRelaxed), cudaSuccess);
  });
  EXPECT_EQ(port().record(mine).error().code, errc::would_wait);
  cuda_standin::on_return({});
  EXPECT_EQ(cuda_standin::end_capture(mine), cudaSuccess);
  until_passed(value_or_throw(port().record(mine)));
}

// The capture begins and ends while the event is recorded: it went into the graph, and can never pass.
TEST_F(cuda_fences, that_went_into_a_graph_are_answered_by_the_next_on_their_stream) {
  open();
  cudaStream_t const mine = stream();
  ASSERT_TRUE(port().record(mine).ok());
  bool begun = false;
  cuda_standin::on_call([&](call kind) {
    if (kind != call::cuda_event_record || std::exchange(begun, true)) return;
    EXPECT_EQ(cuda_standin::begin_capture(mine, cudaStreamCaptureModeRelaxed), cudaSuccess);
  });
  bool ended = false;
  cuda_standin::on_return([&](call kind) {
    if (kind != call::cuda_event_record || std::exchange(ended, true)) return;
    EXPECT_EQ(cuda_standin::end_capture(mine), cudaSuccess);
  });
  fence const lost = value_or_throw(port().record(mine));
  cuda_standin::on_return({});
  cuda_standin::on_call([](call) { cuda_standin::step(); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(port().passed(lost).error().code, errc::would_wait);
  ASSERT_TRUE(port().record(mine).ok());
  cuda_standin::run_all();
  EXPECT_EQ(port().passed(lost).error().code, errc::would_wait);
  EXPECT_TRUE(value_or_throw(port().passed(lost)));
}

}  // namespace
}  // namespace tierpager::tests
