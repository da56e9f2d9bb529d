// Who leaves first once a plan has come into force, or is in force no longer: what was there before included.
#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2};

// RAM holds two tensors.
class first_victims : public core_by_hand {
 protected:
  first_victims() : core_by_hand(2 * tensor_bytes) {}
  void use_in_ram(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::ram, owner_id{}).ok());
    carry_out();
    core_.release(id, tier::ram, owner_id{}, std::nullopt);
    carry_out();
  }
  [[nodiscard]] bool in_ram(tensor_id id) const { return core_.resident(id, tier::ram); }
};

TEST_F(first_victims, are_those_that_the_plan_has_elsewhere) {
  for (tensor_id const at_home : {first, second}) {
    tensor_id const other = at_home == first ? second : first;
    use_in_ram(first);
    use_in_ram(second);
    declare({first, second});
    std::vector<home> homes(tensors, home::none);
    homes[index_of(at_home)] = home::ram;
    homes[index_of(other)] = home::file;
    adopt(homes, std::vector<std::uint64_t>(tensors, memory_plan::no_place));
    use_in_ram(third);
    EXPECT_TRUE(in_ram(at_home));
    EXPECT_FALSE(in_ram(other));
    core_.set_order({});
    carry_out();
  }
}

}  // namespace
}  // namespace tierpager::test
