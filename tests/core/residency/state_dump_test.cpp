// The dump of a core's state names what a debugger's user looks for.
#include <gmock/gmock.h>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class state_dump_of_a_core : public core_by_hand {};

TEST_F(state_dump_of_a_core, says_of_each_tensor_in_a_tier_where_it_lies_and_who_uses_it) {
  carry_out();
  load(tensor_id{1});
  std::string const dump = core_.dump();
  std::string const name = model_.tensors[tensor_id{1}].name;
  EXPECT_THAT(dump, HasSubstr("vram target=32768 limit=32768 committed=32768 allocated=16384 resident=16384"));
  EXPECT_THAT(dump, HasSubstr("  vram '" + name + "' resident at=0 bytes=16384 uses=1"));
  EXPECT_THAT(dump, Not(HasSubstr("'" + model_.tensors[tensor_id{2}].name + "'")));
}

TEST_F(state_dump_of_a_core, says_which_loads_are_under_way_and_which_requests_wait) {
  carry_out();
  reads_wait_ = true;
  load(tensor_id{0});
  load(tensor_id{1});
  tensor_id const waits{2};
  ASSERT_TRUE(core_.acquire(std::span(&waits, 1), tier::vram, owner_id{77}).ok());
  std::string const dump = core_.dump();
  std::string const first = model_.tensors[tensor_id{0}].name;
  std::string const third = model_.tensors[tensor_id{2}].name;
  EXPECT_THAT(dump, HasSubstr("  load of '" + first + "' to_vram staged"));
  EXPECT_THAT(dump, HasSubstr("in vram admitted missing=1: '" + first + "'"));
  EXPECT_THAT(dump, HasSubstr("in vram waits for room missing=0: '" + third + "'"));
}

}  // namespace
}  // namespace tierpager::test
