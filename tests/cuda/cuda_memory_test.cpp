// Memory of the CUDA device when calls fail, when a registration is cut, and when nothing can be registered.
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include <tests/cuda/standin_device.hpp>

namespace tierpager::tests {
namespace {

using cuda_standin::call;
using cuda_standin::lasting;
using cuda_memory = cuda_device_on_standin;

TEST_F(cuda_memory, a_copy_costs_one_copy_a_segment_and_one_record) {
  open();
  commit(tier::vram, {0, 2 * granule});
  commit(tier::ram, {0, granule});
  commit(tier::ram, {granule, granule});
  fill_ram(0, seeded_bytes(2 * granule, 1));
  cuda_standin::reset_counts();
  auto const copied = port().copy_async(100, 50, granule);
  ASSERT_TRUE(copied.ok());
  EXPECT_EQ(calls(call::cuda_memcpy_async), 2U);
  EXPECT_EQ(calls(call::cuda_event_record), 1U);
  until_passed(*copied);
  EXPECT_EQ(vram_content({100, granule}), ram_content({50, granule}));
}

TEST_F(cuda_memory, a_commit_of_vram_that_fails_half_way_leaves_nothing_and_may_be_tried_again) {
  for (call const kind : {call::cu_mem_create, call::cu_mem_map, call::cu_mem_set_access}) {
    open();
    commit(tier::vram, {0, granule});
    commit(tier::ram, {0, 4 * granule});
    fill_ram(0, seeded_bytes(4 * granule, 2));
    auto const before = cuda_standin::live();
    cuda_standin::fail_nth(kind, kind == call::cu_mem_set_access ? 1 : 3, lasting::once, cudaErrorMemoryAllocation);
    EXPECT_EQ(port().commit(tier::vram, {granule, 3 * granule}).error().code, errc::out_of_memory);
    EXPECT_EQ(cuda_standin::live().objects(), before.objects());
    EXPECT_EQ(cuda_standin::live().vram_bytes, granule);
    EXPECT_FALSE(port().copy_async(granule, 0, 8).ok());
    EXPECT_TRUE(port().commit(tier::vram, {granule, 3 * granule}).ok());
    EXPECT_TRUE(copies_right({0, 4 * granule}));
    TearDown();
  }
}

TEST_F(cuda_memory, vram_that_cannot_be_given_back_is_still_there) {
  open();
  commit(tier::vram, {0, 4 * granule});
  commit(tier::ram, {0, 4 * granule});
  fill_ram(0, seeded_bytes(4 * granule, 3));
  cuda_standin::fail_nth(call::cu_mem_unmap, 3, lasting::once);
  EXPECT_EQ(port().decommit(tier::vram, {0, 4 * granule}).error().code, errc::device_failed);
  EXPECT_EQ(cuda_standin::live().vram_bytes, 4 * granule);
  EXPECT_TRUE(copies_right({0, 4 * granule}));
  EXPECT_TRUE(port().decommit(tier::vram, {0, 4 * granule}).ok());
  EXPECT_EQ(cuda_standin::live().vram_bytes, 0U);
}

TEST_F(cuda_memory, vram_that_can_neither_go_nor_be_mapped_back_is_refused_until_it_is) {
  open();
  commit(tier::vram, {0, 4 * granule});
  commit(tier::ram, {0, 4 * granule});
  fill_ram(0, seeded_bytes(4 * granule, 4));
  cuda_standin::on_call([](call kind) {  // the second unmapping fails, and every mapping after it
    if (kind == call::cu_mem_map) cuda_standin::fail_nth(call::cu_mem_map, 1, lasting::once);
  });
  cuda_standin::fail_nth(call::cu_mem_unmap, 2, lasting::once);
  EXPECT_FALSE(port().decommit(tier::vram, {0, 2 * granule}).ok());
  EXPECT_EQ(port().copy_async(0, 0, 8).error().code, errc::device_failed);
  cuda_standin::lift();
  stop_stepping();
  // The next copy mends it, since a commit may never come.
  EXPECT_TRUE(copies_right({0, 4 * granule}));
}

TEST_F(cuda_memory, vram_that_cannot_be_unmapped_counts_until_it_can) {
  open();
  cuda_standin::limit_bytes(2 * granule, arena_bytes);
  cuda_standin::on_call([](call kind) {  // neither access nor the way back
    if (kind == call::cu_mem_set_access) cuda_standin::fail_nth(1, lasting::for_ever);
  });
  EXPECT_FALSE(port().commit(tier::vram, {0, 2 * granule}).ok());
  cuda_standin::lift();
  stop_stepping();
  commit(tier::vram, {4 * granule, 2 * granule});
}

TEST_F(cuda_memory, vram_never_exceeds_what_is_committed_when_a_release_fails) {
  open();
  commit(tier::vram, {0, 4 * granule});
  cuda_standin::limit_bytes(4 * granule, arena_bytes);
  cuda_standin::fail_nth(call::cu_mem_release, 2, lasting::once);
  ASSERT_TRUE(port().decommit(tier::vram, {0, 4 * granule}).ok());
  commit(tier::vram, {4 * granule, 4 * granule});
}

TEST_F(cuda_memory, a_commit_of_ram_that_fails_half_way_leaves_nothing_and_may_be_tried_again) {
  open({}, {.ram_segment_bytes_max = page});
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, page});
  cuda_standin::fail_nth(call::cuda_host_register, 3, lasting::once);
  EXPECT_EQ(port().commit(tier::ram, {page, 4 * page}).error().code, errc::out_of_memory);
  EXPECT_EQ(cuda_standin::live().registrations, 1U);
  EXPECT_FALSE(port().copy_async(0, page, 8).ok());
  commit(tier::ram, {page, 4 * page});
  fill_ram(0, seeded_bytes(5 * page, 5));
  EXPECT_TRUE(copies_right({0, 5 * page}));
}

TEST_F(cuda_memory, a_cut_keeps_the_bytes_and_the_page_locks_on_either_side) {
  open();
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, 8 * page});
  auto const content = seeded_bytes(8 * page, 6);
  fill_ram(0, content);
  ASSERT_TRUE(port().decommit(tier::ram, {3 * page, 2 * page}).ok());
  EXPECT_EQ(cuda_standin::live().registrations, 2U);
  EXPECT_EQ(cuda_standin::live().page_locked_bytes, 6 * page + page);  // and the words that are read back
  EXPECT_TRUE(same_bytes(ram_content({0, 3 * page}), std::span(content).first(3 * page)));
  EXPECT_TRUE(same_bytes(ram_content({5 * page, 3 * page}), std::span(content).subspan(5 * page)));
  EXPECT_TRUE(copies_right({0, 3 * page}));
  EXPECT_TRUE(copies_right({5 * page, 3 * page}));
  EXPECT_FALSE(port().copy_async(0, 2 * page, 2 * page).ok());
}

TEST_F(cuda_memory, a_cut_waits_for_copies_from_what_stays) {
  open();
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, 8 * page});
  fill_ram(0, seeded_bytes(8 * page, 7));
  cudaStream_t const copies = cuda(port().copy_stream());
  cuda_standin::hold(copies);
  fence const copied = value_or_throw(port().copy_async(0, 0, 2 * page));
  cuda_standin::reset_counts();
  std::uint64_t unregistered = 0;
  cuda_standin::on_call([&](call) {
    if (calls(call::cuda_event_query) == 3) {
      unregistered = calls(call::cuda_host_unregister);
      cuda_standin::let_go(copies);
    }
    cuda_standin::step();
  });
  ASSERT_TRUE(port().decommit(tier::ram, {4 * page, 4 * page}).ok());
  EXPECT_GE(calls(call::cuda_event_query), 3U);
  EXPECT_EQ(unregistered, 0U);
  EXPECT_TRUE(value_or_throw(port().passed(copied)));
  EXPECT_EQ(vram_content({0, 2 * page}), ram_content({0, 2 * page}));
}

// As the executor's copier does while the link is never idle: the next copy is queued before the last one has run, and each waits
// for a kernel. Of a cut that lets all of them pass there is no end.
TEST_F(cuda_memory, a_cut_comes_to_an_end_though_copies_keep_coming) {
  open({.threads = true});
  stop_stepping();
  commit(tier::vram, {0, 8 * granule});
  commit(tier::ram, {0, 8 * granule});  // one segment
  fill_ram(0, seeded_bytes(8 * granule, 7));
  std::atomic<bool> over = false;
  std::atomic<int> copies = 0;
  std::thread copier([&] {
    std::deque<fence> queued;
    cudaStream_t const compute = stream();
    while (!over && copies < 3000) {
      cuda_standin::launch(
          compute, {}, [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }, "a kernel of 1 ms");
      ASSERT_TRUE(port().wait(port().copy_stream(), value_or_throw(port().record(compute))).ok());
      queued.push_back(value_or_throw(port().copy_async(0, 0, 4 * granule)));
      ++copies;
      for (; queued.size() > 8; queued.pop_front())
        while (!value_or_throw(port().passed(queued.front()))) std::this_thread::yield();
    }
  });
  while (copies < 5) std::this_thread::yield();
  int const before = copies;
  EXPECT_TRUE(port().decommit(tier::ram, {6 * granule, 2 * granule}).ok());
  over = true;
  copier.join();
  EXPECT_LT(copies - before, 200);
  EXPECT_TRUE(copies_right({0, 4 * granule}));
}

// Each kernel that a copy waits for is one that runs only when four more copies have been queued, as where a program waits for what
// a later copy brings. Copies that were held back for ever would wait for themselves.
TEST_F(cuda_memory, a_cut_holds_copies_back_for_a_while_only) {
  open({.threads = true});
  stop_stepping();
  commit(tier::vram, {0, 8 * granule});
  commit(tier::ram, {0, 8 * granule});
  fill_ram(0, seeded_bytes(8 * granule, 8));
  std::atomic<int> copies = 0;
  std::atomic<bool> over = false;
  std::thread copier([&] {
    std::deque<fence> queued;
    cudaStream_t const compute = stream();
    while (copies < 300) {
      auto const waits = [&, wanted = copies + 4] {
        while (copies < wanted && !over) std::this_thread::sleep_for(std::chrono::microseconds(100));
      };
      cuda_standin::launch(compute, {}, waits, "a kernel that waits for copies to come");
      ASSERT_TRUE(port().wait(port().copy_stream(), value_or_throw(port().record(compute))).ok());
      queued.push_back(value_or_throw(port().copy_async(0, 0, granule)));
      ++copies;
      for (; queued.size() > 8; queued.pop_front())
        while (!value_or_throw(port().passed(queued.front()))) std::this_thread::yield();
    }
    over = true;
  });
  while (copies < 5) std::this_thread::yield();
  EXPECT_TRUE(port().decommit(tier::ram, {6 * granule, 2 * granule}).ok());
  copier.join();
  EXPECT_TRUE(copies_right({0, granule}));
}

TEST_F(cuda_memory, a_cut_waits_for_a_copy_whose_call_failed_and_which_runs_all_the_same) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    open({.seed = seed});
    commit(tier::vram, {0, granule});
    commit(tier::ram, {0, 8 * page});
    cuda_standin::hold(cuda(port().copy_stream()));
    cuda_standin::fail_nth(call::cuda_memcpy_async, 1, lasting::once);
    EXPECT_FALSE(port().copy_async(0, 0, 2 * page).ok());
    cuda_standin::let_go(cuda(port().copy_stream()));
    stop_stepping();
    EXPECT_TRUE(cuda_standin::live().registrations == 1);
    cuda_standin::on_call([](call) { cuda_standin::step(); });
    EXPECT_TRUE(port().decommit(tier::ram, {4 * page, 4 * page}).ok());
    TearDown();
  }
}

TEST_F(cuda_memory, ram_that_cannot_be_unregistered_is_still_there) {
  open({}, {.ram_segment_bytes_max = page});
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, 4 * page});
  fill_ram(0, seeded_bytes(4 * page, 8));
  cuda_standin::fail_nth(call::cuda_host_unregister, 3, lasting::once);
  EXPECT_EQ(port().decommit(tier::ram, {0, 4 * page}).error().code, errc::device_failed);
  EXPECT_TRUE(port().ram_is_page_locked());
  EXPECT_TRUE(copies_right({0, 4 * page}));
  EXPECT_TRUE(port().decommit(tier::ram, {0, 4 * page}).ok());
}

TEST_F(cuda_memory, what_cannot_be_registered_again_is_copied_all_the_same_and_mended_later) {
  open();
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, 8 * page});
  fill_ram(0, seeded_bytes(8 * page, 9));
  cuda_standin::fail_nth(call::cuda_host_register, 1, lasting::once);
  ASSERT_TRUE(port().decommit(tier::ram, {2 * page, page}).ok());
  EXPECT_FALSE(port().ram_is_page_locked());
  EXPECT_TRUE(copies_right({0, 2 * page}));
  EXPECT_TRUE(copies_right({3 * page, 5 * page}));
  commit(tier::ram, {2 * page, page});
  EXPECT_TRUE(port().ram_is_page_locked());
  EXPECT_EQ(cuda_standin::live().registrations, 3U);
}

TEST_F(cuda_memory, where_nothing_can_be_registered_copies_go_through_a_ring_that_is_not_overwritten_early) {
  open({.can_register = false}, {.staging_slots = 2, .staging_bytes = page});
  EXPECT_FALSE(port().ram_is_page_locked());
  EXPECT_EQ(port().overhead_bytes(tier::ram), 3 * page);
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, granule});
  fill_ram(0, seeded_bytes(granule, 10));
  cuda_standin::reset_counts();
  EXPECT_TRUE(copies_right({0, 10 * page}));
  EXPECT_EQ(calls(call::cuda_memcpy_async), 10U);
  fill_ram(0, seeded_bytes(granule, 11));
  cuda_standin::hold(cuda(port().copy_stream()));
  cuda_standin::on_call([&](call) {
    if (calls(call::cuda_event_query) == 20) cuda_standin::let_go(cuda(port().copy_stream()));
    cuda_standin::step();
  });
  cuda_standin::reset_counts();
  EXPECT_TRUE(copies_right({0, 10 * page}));
  EXPECT_GE(calls(call::cuda_event_query), 20U);
}

TEST_F(cuda_memory, without_vmm_vram_is_one_allocation_of_the_size_reserved) {
  open({.vmm = false});
  EXPECT_FALSE(port().can_remap(tier::vram));
  EXPECT_TRUE(port().can_remap(tier::ram));
  EXPECT_EQ(cuda_standin::live().vram_bytes, arena_bytes);
  cuda_standin::reset_counts();
  commit(tier::vram, {0, arena_bytes});
  EXPECT_TRUE(port().decommit(tier::vram, {0, granule}).ok());
  for (call const kind : {call::cuda_malloc, call::cuda_free, call::cu_mem_create}) EXPECT_EQ(calls(kind), 0U);
}

}  // namespace
}  // namespace tierpager::tests
