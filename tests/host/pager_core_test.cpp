// Who gets the commands of the core, who is the last to leave, and what is refused once it is closed.
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using pager_core_alone = lone_part;

TEST_F(pager_core_alone, hands_each_command_over_once) {
  scoped_lock const lock(core_.mutex());
  carry_out();
  (void)ask_for(tensor_id{1});
  EXPECT_EQ(commands_.take_all<read_command>().size(), 1U);
  core_.dispatch();
  EXPECT_TRUE(commands_.take_all<read_command>().empty());
}

TEST_F(pager_core_alone, names_the_last_to_leave_only_where_the_pager_is_gone) {
  scoped_lock const lock(core_.mutex());
  core_.enter();
  EXPECT_FALSE(core_.leave()) << "the pager is there";
  core_.enter();
  core_.enter();
  EXPECT_FALSE(core_.abandon());
  EXPECT_FALSE(core_.leave());
  EXPECT_EQ(core_.inside(), 1U);
  EXPECT_TRUE(core_.leave());
}

TEST_F(pager_core_alone, is_abandoned_at_once_where_nothing_is_held) {
  scoped_lock const lock(core_.mutex());
  EXPECT_TRUE(core_.abandon());
}

TEST_F(pager_core_alone, rejects_what_waits_when_it_closes) {
  scoped_lock const lock(core_.mutex());
  request_id const asked = ask_for(tensor_id{0});
  EXPECT_FALSE(core_.closed());
  EXPECT_TRUE(core_.close());
  EXPECT_TRUE(core_.closed());
  auto const rejected = commands_.take_all<reject_command>();
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected.front().request, asked);
  EXPECT_EQ(rejected.front().why.code, errc::closed);
  EXPECT_FALSE(core_.close()) << "it was closed before";
}

TEST_F(pager_core_alone, tells_the_core_of_a_lost_device_and_of_no_other_failure) {
  scoped_lock const lock(core_.mutex());
  (void)ask_for(tensor_id{0});
  core_.tell_if_lost(failed());
  core_.dispatch();
  EXPECT_TRUE(commands_.take_all<reject_command>().empty());
  core_.tell_if_lost(lost());
  core_.dispatch();
  auto const rejected = commands_.take_all<reject_command>();
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected.front().why.code, errc::device_lost);
}

}  // namespace
}  // namespace tierpager::test
