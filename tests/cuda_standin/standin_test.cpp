// Rules of the stand-in that only the stand-in shows: its scheduler, its conservative readings, its worlds.
#include <cuda.h>

#include <array>
#include <thread>
#include <vector>

#include <tests/cuda_standin/standin_fixture.hpp>

namespace tierpager::cuda_standin {
namespace {

class cuda_standin : public cuda_standin_world {};

/// The order in which two streams of four operations each run.
std::string order_of(std::uint64_t seed) {
  reset({.seed = seed});
  std::array<cudaStream_t, 2> streams{};
  for (cudaStream_t& stream : streams) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  std::string order;
  for (int i = 0; i != 4; ++i) {
    launch(
        streams[0], {}, [&order] { order += 'a'; }, "a");
    launch(
        streams[1], {}, [&order] { order += 'b'; }, "b");
  }
  run_all();
  return order;
}

TEST_F(cuda_standin, runs_the_same_order_for_the_same_seed_and_others_for_others) {
  EXPECT_EQ(order_of(1), order_of(1));
  bool differs = false;
  for (std::uint64_t seed = 2; seed != 10; ++seed) differs = differs || order_of(seed) != order_of(1);
  EXPECT_TRUE(differs);
}

TEST_F(cuda_standin, runs_nothing_until_it_is_told_to) {
  read_vram(compute_);
  EXPECT_TRUE(pending());
  EXPECT_TRUE(step());
  EXPECT_FALSE(pending());
  EXPECT_FALSE(step());
}

TEST_F(cuda_standin, copies_in_two_halves_so_that_torn_reads_show) {
  std::memset(ram_, 1, page);
  copy_in(copies_);
  ASSERT_TRUE(step());
  std::memset(ram_, 2, page);
  EXPECT_TRUE(step());
  EXPECT_EQ(vram_[0], std::byte{1});
  EXPECT_EQ(vram_[page - 1], std::byte{2});
}

TEST_F(cuda_standin, holds_a_stream_until_it_is_let_go) {
  hold(compute_);
  read_vram(compute_);
  EXPECT_FALSE(step());
  EXPECT_TRUE(pending());
  let_go(compute_);
  EXPECT_TRUE(step());
}

TEST_F(cuda_standin, runs_nothing_behind_an_event_that_has_not_passed) {
  hold(copies_);
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  cudaStreamWaitEvent(compute_, event_, 0);
  read_vram(compute_);
  EXPECT_FALSE(step());
}

TEST_F(cuda_standin, orders_the_legacy_stream_and_blocking_streams_both_ways) {
  cudaStream_t blocking = nullptr;
  cudaStreamCreateWithFlags(&blocking, cudaStreamDefault);
  hold(blocking);
  copy_in(blocking);
  read_vram(cudaStreamLegacy);
  EXPECT_FALSE(step());
  let_go(blocking);
  hold(nullptr);
  copy_in(blocking);
  step();
  step();
  EXPECT_FALSE(step());
  EXPECT_EQ(all_seen(), "");
  read_vram(copies_);
  EXPECT_TRUE(seen("race")) << "a stream that does not block is not ordered";
}

TEST_F(cuda_standin, keeps_no_capture_whose_stream_is_destroyed) {
  begin_capture(compute_, cudaStreamCaptureModeGlobal);
  cudaStreamDestroy(compute_);
  EXPECT_TRUE(seen("capture invalidated by cudaStreamDestroy"));
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, page), cudaSuccess);
}

TEST_F(cuda_standin, reports_a_wait_that_nothing_can_end) {
  hold(compute_);
  read_vram(compute_);
  EXPECT_NE(cudaStreamSynchronize(compute_), cudaSuccess);
  EXPECT_TRUE(seen("deadlock: cudaStreamSynchronize")) << all_seen();
}

TEST_F(cuda_standin, calls_the_hook_in_every_call_and_in_every_round_of_a_wait) {
  hold(compute_);
  read_vram(compute_);
  int rounds = 0;
  on_call([&](call kind) {
    if (kind == call::cuda_stream_synchronize && ++rounds == 5) let_go(compute_);
  });
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaSuccess);
  EXPECT_GE(rounds, 5);
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin, keeps_last_errors_apart_for_fibers_of_one_thread) {
  host_thread(1);
  cudaSetDevice(7);
  host_thread(2);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  host_thread(1);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  host_thread(0);
}

TEST_F(cuda_standin, starts_new_memory_wrong) {
  EXPECT_NE(vram_[0], std::byte{0});
  EXPECT_EQ(vram_[0], vram_[4 * page - 1]);
  EXPECT_EQ(ram_[0], vram_[0]);
}

TEST_F(cuda_standin, lets_no_copy_span_two_registrations) {
  alignas(page) static std::byte memory[2 * page];
  ASSERT_EQ(cudaHostRegister(memory, page, cudaHostRegisterDefault), cudaSuccess);
  ASSERT_EQ(cudaHostRegister(memory + page, page, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(vram_, memory, 2 * page, cudaMemcpyHostToDevice, copies_), cudaErrorInvalidValue);
  EXPECT_EQ(cudaHostUnregister(memory), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(memory + page), cudaSuccess);
}

TEST_F(cuda_standin, refuses_to_register_where_the_system_cannot_or_has_no_room) {
  alignas(page) static std::byte memory[2 * page];
  start({.can_register = false});
  EXPECT_EQ(cudaHostRegister(memory, page, cudaHostRegisterDefault), cudaErrorNotSupported);
  start({.page_locked_bytes_max = 5 * page});
  EXPECT_EQ(cudaHostRegister(memory, 2 * page, cudaHostRegisterDefault), cudaErrorMemoryAllocation);
  for (int i = 0; i != 2; ++i) {  // what is unregistered makes room
    EXPECT_EQ(cudaHostRegister(memory, page, cudaHostRegisterDefault), cudaSuccess);
    EXPECT_EQ(cudaHostUnregister(memory), cudaSuccess);
  }
}

TEST_F(cuda_standin, locks_whole_pages) {
  alignas(page) static std::byte memory[2 * page];
  ASSERT_EQ(cudaHostRegister(memory + page - 1, 2, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(live().page_locked_bytes - 4 * page, 2U);
  EXPECT_EQ(live().peak_page_locked_bytes, 6 * page);
  EXPECT_EQ(cudaHostRegister(memory, 1, cudaHostRegisterDefault), cudaErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(cudaHostUnregister(memory + page - 1), cudaSuccess);
}

TEST_F(cuda_standin, records_no_event_on_a_stream_of_another_device_but_lets_it_be_waited_for) {
  start({.devices = 2});
  cudaSetDevice(1);
  cudaStream_t other = nullptr;
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  EXPECT_EQ(cudaEventRecord(event_, other), cudaErrorInvalidResourceHandle);
  cudaEventRecord(event_, copies_);
  EXPECT_EQ(cudaStreamWaitEvent(other, event_, 0), cudaSuccess);
  EXPECT_EQ(launch(
                copies_, {}, [] {}, "elsewhere"),
            cudaErrorInvalidResourceHandle);
}

TEST_F(cuda_standin, counts_memory_by_device) {
  start({.devices = 2, .vram_bytes = 4 * page});
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, page), cudaErrorMemoryAllocation);
  cudaSetDevice(1);
  EXPECT_EQ(cudaMalloc(&memory, page), cudaSuccess);
}

TEST_F(cuda_standin, reserves_no_more_address_space_than_there_is) {
  start({.granule_bytes = page, .reservation_bytes_max = 4 * page});
  void* found = nullptr;
  cudaGetDriverEntryPointByVersion("cuMemAddressReserve", &found, 12000, cudaEnableDefault, nullptr);
  auto* const reserve = reinterpret_cast<decltype(&cuMemAddressReserve)>(found);
  CUdeviceptr base = 0;
  EXPECT_EQ(reserve(&base, 5 * page, 0, 0, 0), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(reserve(&base, 4 * page, 0, 0, 0), CUDA_SUCCESS);
}

TEST_F(cuda_standin, has_calls_wait_for_the_device_where_they_may) {
  start({.calls_wait = true});
  read_vram(compute_);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, page), cudaSuccess);
  EXPECT_FALSE(pending());
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  EXPECT_TRUE(pending());
  EXPECT_EQ(cudaFree(vram_), cudaSuccess);
  EXPECT_FALSE(pending());
  EXPECT_TRUE(seen("cudaFree")) << "the host has not learned that the copy is over";
}

TEST_F(cuda_standin, has_streams_that_share_a_queue_hold_each_other_up) {
  start({.queues = 1});
  hold(copies_);
  copy_in(copies_);
  cudaEventRecord(event_, compute_);
  run_all();
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  let_go(copies_);
  run_all();
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
}

TEST_F(cuda_standin, refuses_a_version_of_the_driver_that_is_to_come) {
  void* function = nullptr;
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuMemMap", &function, 99000, cudaEnableDefault, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuMemMap", &function, 12000, 77, nullptr), cudaErrorInvalidValue);
}

TEST_F(cuda_standin, says_what_a_machine_without_a_driver_or_a_device_says) {
  reset({.driver_version = 0});
  int number = -1;
  EXPECT_EQ(cudaDriverGetVersion(&number), cudaSuccess);
  EXPECT_EQ(number, 0);
  EXPECT_EQ(cudaGetDeviceCount(&number), cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInsufficientDriver);
  reset({.devices = 0});
  EXPECT_EQ(cudaGetDeviceCount(&number), cudaErrorNoDevice);
}

TEST_F(cuda_standin, has_the_driver_functions_where_virtual_memory_management_is_missing) {
  start({.vmm = false});
  void* function = nullptr;
  cudaGetDriverEntryPointByVersion("cuMemCreate", &function, 12000, cudaEnableDefault, nullptr);
  EXPECT_NE(function, nullptr);
}

TEST_F(cuda_standin, gives_handles_of_destroyed_streams_and_events_out_again) {
  bool stream_again = false;
  bool event_again = false;
  for (int i = 0; i != 20; ++i) {
    cudaStream_t const old_stream = compute_;
    cudaEvent_t const old_event = event_;
    cudaStreamDestroy(compute_);
    cudaEventDestroy(event_);
    cudaStreamCreateWithFlags(&compute_, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event_, cudaEventDisableTiming);
    stream_again = stream_again || compute_ == old_stream;
    event_again = event_again || event_ == old_event;
  }
  EXPECT_TRUE(stream_again && event_again);
}

TEST_F(cuda_standin, lists_what_is_live) {
  totals const now = live();
  EXPECT_EQ(now.streams, 2U);
  EXPECT_EQ(now.events, 1U);
  EXPECT_EQ(now.vram_bytes, 4 * page);
  EXPECT_EQ(now.page_locked_bytes, 4 * page);
  EXPECT_EQ(now.objects(), 5U);
  cudaStreamDestroy(copies_);
  cudaStreamDestroy(compute_);
  cudaEventDestroy(event_);
  cudaFree(vram_);
  cudaFreeHost(ram_);
  EXPECT_EQ(live().objects(), 0U);
  EXPECT_EQ(live().vram_bytes + live().page_locked_bytes, 0U);
}

TEST_F(cuda_standin, runs_streams_on_threads_and_finds_the_same_races) {
  start({.threads = true});
  std::memset(ram_, 7, page);
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  cudaStreamWaitEvent(compute_, event_, 0);
  read_vram(compute_);
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaSuccess);
  EXPECT_EQ(read_, std::byte{7});
  EXPECT_EQ(all_seen(), "");
  host_access({vram_, 1, false}, "peek");
  launch(
      copies_, {{vram_, page, true}}, [] {}, "write");
  cudaStreamSynchronize(copies_);
  read_vram(compute_);
  launch(
      copies_, {{vram_, page, true}}, [] {}, "write again");
  EXPECT_TRUE(seen("race: launch 'write again'")) << all_seen();
}

TEST_F(cuda_standin, may_be_called_from_many_threads) {
  start({.threads = true});
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i != 4; ++i) {
    callers.emplace_back([this, i] {
      cudaEvent_t own = nullptr;
      cudaEventCreateWithFlags(&own, cudaEventDisableTiming);
      cudaMemcpyAsync(vram_ + i * page, ram_ + i * page, page, cudaMemcpyHostToDevice, copies_);
      cudaEventRecord(own, copies_);
      while (cudaEventQuery(own) == cudaErrorNotReady) std::this_thread::yield();
      std::memset(ram_ + i * page, 1, page);
      cudaEventDestroy(own);
    });
  }
  for (std::thread& worker : callers) worker.join();
  EXPECT_EQ(all_seen(), "");
}

}  // namespace
}  // namespace tierpager::cuda_standin
