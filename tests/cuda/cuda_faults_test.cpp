// What a failed call leaves behind on the CUDA device, and what the end of a device does about it: each of these was once a
// fault that no test noticed.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <thread>

#include <tests/cuda/standin_device.hpp>

namespace tierpager::tests {
namespace {

using cuda_standin::call;
using cuda_standin::lasting;

class cuda_faults : public cuda_device_on_standin {
 protected:
  /// Destroys the device, all calls working again: everything must go, also what an earlier call could not free.
  void expect_all_gone() {
    cuda_standin::lift();
    device_.reset();
    EXPECT_EQ(cuda_standin::live().abandoned, 0U);
  }
};

TEST_F(cuda_faults, memory_that_could_not_be_released_goes_with_the_device) {
  open();
  commit(tier::vram, {0, 4 * granule});
  cuda_standin::fail_nth(call::cu_mem_release, 1, lasting::for_ever);
  EXPECT_TRUE(port().decommit(tier::vram, {0, 4 * granule}).ok());
  EXPECT_EQ(cuda_standin::live().abandoned, 4U);
  expect_all_gone();
}

TEST_F(cuda_faults, the_page_that_was_registered_to_try_it_is_not_left_so) {
  cuda_standin::on_call([](call kind) {
    if (kind == call::cuda_host_register) cuda_standin::fail_nth(call::cuda_host_unregister, 1, lasting::once);
  });
  open();
  EXPECT_EQ(cuda_standin::live().registrations, 0U);
  EXPECT_EQ(cuda_standin::live().abandoned, 0U);
}

TEST_F(cuda_faults, ram_that_could_not_be_unregistered_goes_with_the_device) {
  open({}, {.ram_segment_bytes_max = page});
  cuda_standin::on_call([](call kind) {  // registering fails, and then the way back
    if (kind == call::cuda_host_unregister) cuda_standin::fail_nth(call::cuda_host_unregister, 1, lasting::for_ever);
  });
  cuda_standin::fail_nth(call::cuda_host_register, 3, lasting::once);
  EXPECT_FALSE(port().commit(tier::ram, {0, 4 * page}).ok());
  stop_stepping();
  EXPECT_EQ(cuda_standin::live().abandoned, 2U);
  expect_all_gone();
}

// The driver knows these pages by their place: to commit them again is no want of memory.
TEST_F(cuda_faults, ram_that_cannot_be_unregistered_is_not_committed_again) {
  open({}, {.ram_segment_bytes_max = page});
  cuda_standin::on_call([](call kind) {
    if (kind == call::cuda_host_unregister) cuda_standin::fail_nth(call::cuda_host_unregister, 1, lasting::for_ever);
  });
  cuda_standin::fail_nth(call::cuda_host_register, 3, lasting::once);
  EXPECT_FALSE(port().commit(tier::ram, {0, 4 * page}).ok());
  EXPECT_EQ(port().commit(tier::ram, {0, page}).error().code, errc::device_failed);
  stop_stepping();
  cuda_standin::lift();
  commit(tier::ram, {0, 4 * page});
}

// Pages are RAM whether the driver knows them or not.
TEST_F(cuda_faults, pages_of_a_failed_commit_are_given_back) {
  open({}, {.ram_segment_bytes_max = page});
  cuda_standin::fail_nth(call::cuda_host_register, 3, lasting::once);
  EXPECT_FALSE(port().commit(tier::ram, {0, 8 * page}).ok());
  std::array<unsigned char, 8> there{};
  ASSERT_EQ(::mincore(ram_, 8 * page, there.data()), 0);
  for (unsigned char const each : there) EXPECT_EQ(each & 1U, 0U);
}

TEST_F(cuda_faults, ram_is_page_locked_again_once_what_is_not_is_gone) {
  open();
  commit(tier::ram, {0, 8 * page});
  cuda_standin::fail_nth(call::cuda_host_register, 1, lasting::once);
  ASSERT_TRUE(port().decommit(tier::ram, {2 * page, page}).ok());  // what lies before it stays plain memory
  EXPECT_FALSE(port().ram_is_page_locked());
  cuda_standin::fail_nth(call::cuda_host_register, 1, lasting::once);  // and cannot be mended
  ASSERT_TRUE(port().decommit(tier::ram, {0, 2 * page}).ok());
  EXPECT_TRUE(port().ram_is_page_locked());
}

TEST_F(cuda_faults, vram_without_access_is_refused_to_copies) {
  open();
  commit(tier::vram, {0, 4 * granule});
  commit(tier::ram, {0, 4 * granule});
  cuda_standin::on_call([](call kind) {  // the second unmapping fails, and the access of what is mapped back
    if (kind == call::cu_mem_map) cuda_standin::fail_nth(call::cu_mem_set_access, 1, lasting::for_ever);
  });
  cuda_standin::fail_nth(call::cu_mem_unmap, 2, lasting::once);
  EXPECT_FALSE(port().decommit(tier::vram, {0, 2 * granule}).ok());
  EXPECT_EQ(port().copy_async(0, 0, 8).error().code, errc::device_failed);
  stop_stepping();
  cuda_standin::lift();
  fill_ram(0, seeded_bytes(4 * granule, 1));
  EXPECT_TRUE(copies_right({0, 4 * granule}));
}

// Memory that a failed commit could neither give access to nor unmap.
class cuda_strays : public cuda_faults {
 protected:
  void leave_strays() {
    open();
    commit(tier::vram, {8 * granule, granule});
    cuda_standin::on_call([](call kind) {
      if (kind == call::cu_mem_set_access) cuda_standin::fail_nth(1, lasting::for_ever);
    });
    EXPECT_FALSE(port().commit(tier::vram, {0, 2 * granule}).ok());
    stop_stepping();
    cuda_standin::fail_nth(call::cu_mem_unmap, 1, lasting::for_ever);
  }
};

TEST_F(cuda_strays, are_kept_in_the_books_while_they_cannot_go) {
  leave_strays();
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(port().commit(tier::vram, {4 * granule, granule}).ok());
  cuda_standin::lift();
  commit(tier::vram, {4 * granule, granule});
  EXPECT_EQ(cuda_standin::live().vram_bytes, 2 * granule) << "more is held than was committed";
}

TEST_F(cuda_strays, go_when_other_memory_does) {
  leave_strays();
  cuda_standin::lift();
  EXPECT_TRUE(port().decommit(tier::vram, {8 * granule, granule}).ok());
  EXPECT_EQ(cuda_standin::live().vram_bytes, 0U);
}

// A copy mends what a failed call left, and must not do so in the middle of a commit on another thread.
TEST_F(cuda_faults, vram_is_mended_by_one_thread_at_a_time) {
  open();
  commit(tier::vram, {0, 4 * granule});
  commit(tier::ram, {0, granule});
  cuda_standin::on_call([](call kind) {
    if (kind == call::cu_mem_map) cuda_standin::fail_nth(call::cu_mem_map, 1, lasting::for_ever);
  });
  cuda_standin::fail_nth(call::cu_mem_unmap, 2, lasting::once);
  EXPECT_FALSE(port().decommit(tier::vram, {0, 2 * granule}).ok());  // the first granule cannot be mapped back
  std::thread::id const committer = std::this_thread::get_id();
  std::atomic<bool> committing = true;
  std::atomic<bool> too_early = false;
  std::atomic<bool> begun = false;
  std::thread copier;
  cuda_standin::on_call([&](call kind) {
    if (std::this_thread::get_id() != committer) {
      if (kind == call::cu_mem_map && committing) too_early = true;
    } else if (kind == call::cu_mem_create && !begun.exchange(true)) {
      cuda_standin::lift();
      copier = std::thread([&] { EXPECT_TRUE(port().copy_async(0, 0, granule).ok()); });
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else if (kind == call::cu_mem_set_access) {
      committing = false;  // the last call of the commit
    }
  });
  commit(tier::vram, {8 * granule, granule});
  copier.join();
  EXPECT_FALSE(too_early);
}

// The copy was queued though its call failed, in between: it was not yet there when the fence was recorded.
TEST_F(cuda_faults, ram_is_not_cut_under_a_copy_that_failed_while_an_earlier_one_was_settled) {
  unsigned queued = 0;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    open({.seed = seed});
    commit(tier::vram, {0, granule});
    commit(tier::ram, {0, 8 * page});
    cuda_standin::fail_nth(call::cuda_memcpy_async, 1, lasting::once);
    EXPECT_FALSE(port().copy_async(0, 0, 2 * page).ok());
    cuda_standin::run_all();
    bool failed = false;
    cuda_standin::on_return([&](call kind) {
      if (kind != call::cuda_event_record || std::exchange(failed, true)) return;
      cuda_standin::fail_nth(call::cuda_memcpy_async, 1, lasting::once);
      cuda_standin::on_call({});
      EXPECT_FALSE(port().copy_async(0, 0, 2 * page).ok());
      if (cuda_standin::pending()) ++queued;
      cuda_standin::on_call([polls = 0](call asked) mutable {  // the copy stays queued for a while
        if (asked == call::cuda_event_query || ++polls > 50) cuda_standin::step();
      });
    });
    EXPECT_TRUE(port().decommit(tier::ram, {4 * page, 4 * page}).ok());
    EXPECT_TRUE(failed);
    cuda_standin::on_return({});
    TearDown();
  }
  EXPECT_GT(queued, 0U);
}

TEST_F(cuda_faults, a_ring_slot_whose_copy_has_no_fence_is_no_copy) {
  open({.can_register = false}, {.staging_slots = 2, .staging_bytes = page});
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, granule});
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  EXPECT_FALSE(port().copy_async(0, 0, page).ok());
  fill_ram(0, seeded_bytes(granule, 2));
  EXPECT_TRUE(copies_right({0, 4 * page}));
}

// The first result may still be copied there when the second is read back.
TEST_F(cuda_faults, a_word_of_a_result_is_not_used_again_where_its_copy_may_be_to_come) {
  open();
  commit(tier::vram, {0, granule});
  cudaStream_t const first = stream();
  cudaStream_t const second = stream();
  cuda_standin::hold(first);
  cuda_standin::fail_nth(call::cuda_stream_synchronize, 1, lasting::once);
  EXPECT_FALSE(port().read_back(first, vram_).ok());
  EXPECT_TRUE(port().read_back(second, vram_ + 8).ok());
  cuda_standin::let_go(first);
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
}

TEST_F(cuda_faults, a_device_that_ends_does_not_break_a_capture) {
  open();
  for (tier const where : {tier::vram, tier::ram}) commit(where, {0, granule});
  cudaStream_t mine = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&mine, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cuda_standin::begin_capture(mine, cudaStreamCaptureModeGlobal), cudaSuccess);
  device_.reset();
  EXPECT_EQ(cuda_standin::end_capture(mine), cudaSuccess);
  cudaStreamDestroy(mine);
}

}  // namespace
}  // namespace tierpager::tests
