// Memory that comes when the pager opens, later, and for another budget: which calls the device sees, and who makes them.
#include <gmock/gmock.h>

#include <host/device_memory.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

struct device_memory_alone : lone_part {
  device_memory_alone() {
    commands_.also = [this](command& next) TIERPAGER_REQUIRES(pager_lock) {
      if (auto* const asked = std::get_if<remap_command>(&next)) memory.add(*asked);
    };
  }
  void open() TIERPAGER_REQUIRES(pager_lock) {
    device_.on_call = nullptr;  // nobody else knows the pager yet
    memory.open();
    device_.on_call = [this] { expect_free(); };
  }

  tier_budgets budgets{model_.tensors, device_, {.vram = "50%", .ram = "100%"}};
  pager_warnings warnings{core_, device_, model_.tensors, budgets, {}};
  device_memory memory{core_, device_, warnings};
};

TEST_F(device_memory_alone, is_committed_at_once_in_vram_and_in_ram_later) {
  scoped_lock const lock(core_.mutex());
  EXPECT_EQ(memory.base(tier::vram), nullptr);
  open();
  EXPECT_NE(memory.base(tier::vram), nullptr);
  EXPECT_NE(memory.base(tier::ram), nullptr);
  EXPECT_THAT(device_.take_calls(), ElementsAre("commit vram"));
  EXPECT_EQ(core_->stats().vram.committed_bytes, 2 * tensor_bytes);
  ASSERT_TRUE(memory.has_work());
  while (memory.has_work()) memory.run_next();
  EXPECT_THAT(device_.take_calls(), Each("commit ram"));
  EXPECT_GE(core_->stats().ram.committed_bytes, 4 * tensor_bytes);
}

TEST_F(device_memory_alone, ends_the_opening_where_the_device_refuses_it) {
  device_.fails["commit"] = failed();
  EXPECT_EQ(code_of([&] {
              scoped_lock const lock(core_.mutex());
              open();
              return 0;
            }),
            errc::device_failed);
}

TEST_F(device_memory_alone, tells_the_core_of_a_lost_device) {
  scoped_lock const lock(core_.mutex());
  open();
  ASSERT_TRUE(memory.has_work());
  (void)ask_for(tensor_id{0});
  device_.fails["commit"] = lost();
  memory.run_next();
  auto const rejected = commands_.take_all<reject_command>();
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected.front().why.code, errc::device_lost);
}

TEST_F(device_memory_alone, changes_with_a_budget_on_the_thread_that_waits_for_it) {
  scoped_lock const lock(core_.mutex());
  open();
  device_.forget_calls();
  ASSERT_TRUE(core_->set_budget(tier::vram, 4 * tensor_bytes).ok());
  core_.dispatch();
  memory.wait_for_budget(tier::vram);
  EXPECT_THAT(device_.take_calls(), Contains("commit vram"));
  EXPECT_EQ(core_->stats().vram.committed_bytes, 4 * tensor_bytes);
  ASSERT_TRUE(core_->set_budget(tier::vram, 2 * tensor_bytes).ok());
  core_.dispatch();
  memory.wait_for_budget(tier::vram);
  EXPECT_THAT(device_.take_calls(), Contains("decommit vram"));
  memory.wait_for_budget(tier::vram);
  EXPECT_THAT(device_.take_calls(), IsEmpty()) << "nothing comes or goes";
}

TEST_F(device_memory_alone, is_waited_for_where_another_thread_maps_it) {
  std::atomic<bool> begun = false, may_end = false;
  std::jthread mapper;
  {
    scoped_lock const lock(core_.mutex());
    open();
    while (memory.has_work()) memory.run_next();
    ASSERT_TRUE(core_->set_budget(tier::vram, 4 * tensor_bytes).ok());
    core_.dispatch();
    ASSERT_TRUE(memory.has_work());
    device_.on_call = [&] {
      begun = true;
      eventually([&] { return may_end.load(); });
    };
  }
  mapper = std::jthread([&] {
    scoped_lock const lock(core_.mutex());
    memory.run_next();
  });
  eventually([&] { return begun.load(); });
  scoped_lock const lock(core_.mutex());
  EXPECT_FALSE(memory.has_work());
  EXPECT_TRUE(core_->resizing(tier::vram));
  may_end = true;
  memory.wait_for_budget(tier::vram);
  EXPECT_EQ(core_->stats().vram.committed_bytes, 4 * tensor_bytes);
}

}  // namespace
}  // namespace tierpager::test
