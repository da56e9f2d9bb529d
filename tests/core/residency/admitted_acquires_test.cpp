// What is admitted finds a place, however what is there already lies.
#include <array>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t unit = 4096;
constexpr tensor_id first{0}, second{1}, twofold{2}, fivefold{3};
constexpr owner_id other{2};

class admitted_acquires : public core_by_hand {
 protected:
  explicit admitted_acquires(std::uint64_t granule_units = 4, std::uint64_t vram_units = 8,
                             std::uint64_t ram_bytes = unlimited_bytes)
      : core_by_hand({.vram = {.budget_bytes = vram_units * unit, .granule_bytes = granule_units * unit},
                      .ram = {.budget_bytes = ram_bytes},
                      .chunk_bytes = unit},
                     "auto", {unit, unit, 2 * unit, 5 * unit}) {}
  void leave(tensor_id id, tier where = tier::vram, owner_id owner = {}) {
    core_.release(id, where, owner, std::nullopt);
    carry_out();
  }
  void load_and_leave(std::vector<tensor_id> const& ids) {
    for (tensor_id const id : ids) load(id);
    for (tensor_id const id : ids) leave(id);
  }
  void load_set() {
    ASSERT_TRUE(core_.acquire(std::array{twofold, fivefold}, tier::vram, other).ok());
    carry_out();
  }
  void expect_set() {
    EXPECT_TRUE(in_vram(twofold) && in_vram(fivefold));
    EXPECT_EQ(core_.uses(fivefold, tier::vram), 1U);
  }
};

TEST_F(admitted_acquires, of_a_set_move_a_pin_that_is_part_of_it) {
  load_and_leave({first, second, twofold});
  ASSERT_TRUE(core_.pin(std::array{twofold}, tier::vram).ok());
  load_set();
  expect_set();
}

TEST_F(admitted_acquires, of_a_set_send_away_a_pin_that_nobody_uses) {
  load_and_leave({first, second});
  ASSERT_TRUE(core_.pin(std::array{second}, tier::vram).ok());
  load_set();
  expect_set();
}

TEST_F(admitted_acquires, of_a_set_go_elsewhere_than_the_plan_says) {
  load_and_leave({first, second});
  ASSERT_TRUE(core_.pin(std::array{second}, tier::vram).ok());
  declare({twofold});
  adopt({home::none, home::none, home::file, home::none},
        {memory_plan::no_place, memory_plan::no_place, 3 * unit, memory_plan::no_place});
  load_set();
  expect_set();
}

TEST_F(admitted_acquires, of_a_set_keep_what_makes_way_for_them) {
  load_and_leave({first, second});
  ASSERT_TRUE(core_.pin(std::array{second}, tier::vram).ok());
  reads_wait_ = true;
  load_set();
  EXPECT_FALSE(core_.try_acquire(std::array{second}, tier::vram, owner_id{}).value());
  reads_wait_ = false;
  answer_reads();
  carry_out();
  expect_set();
}

TEST_F(admitted_acquires, of_a_set_wait_for_what_of_it_is_being_loaded_elsewhere) {
  load_and_leave({first, second});
  reads_wait_ = true;
  auto const given_up = core_.acquire(std::array{twofold}, tier::vram, owner_id{});
  ASSERT_TRUE(given_up.ok());
  carry_out();
  core_.cancel(given_up->request, {});
  load_set();
  reads_wait_ = false;
  answer_reads();
  carry_out();
  expect_set();
}

// RAM holds the twofold, a buffer of two chunks, or handles.
class admitted_with_little_ram : public admitted_acquires {
 protected:
  explicit admitted_with_little_ram(std::uint64_t granule_units = 4, std::uint64_t vram_units = 8)
      : admitted_acquires(granule_units, vram_units, 2 * unit) {}
  void hold_in_ram(tensor_id id) {
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::ram, owner_id{}).ok());
    carry_out();
  }
};

TEST_F(admitted_with_little_ram, of_a_set_wait_for_the_end_of_a_load_that_has_failed) {
  load_and_leave({first, second, twofold});
  hold_in_ram(first);
  leave(first, tier::ram);
  reads_wait_ = true;
  hold_in_ram(twofold);
  ASSERT_EQ(reads_.size(), 2U);
  core_.read_done(twofold, reads_[0].chunk, failure{.code = errc::read_failed, .what = "for the test"});
  reads_.erase(reads_.begin());
  load_set();
  reads_wait_ = false;
  answer_reads();
  carry_out();
  expect_set();
}

struct admitted_before_a_lower_budget : admitted_with_little_ram {
  admitted_before_a_lower_budget() : admitted_with_little_ram(2, 16) {}
};

TEST_F(admitted_before_a_lower_budget, find_a_place_under_the_old_one) {
  for (tensor_id const id : {first, twofold, second}) load(id);
  leave(first);  // the others touch four units, between which and the lower budget there are not five
  hold_in_ram(second);
  ASSERT_TRUE(core_.acquire(std::array{fivefold}, tier::vram, other).ok());
  carry_out();
  ASSERT_TRUE(core_.set_budget(tier::vram, 8 * unit).ok());
  carry_out();
  leave(second, tier::ram);
  EXPECT_TRUE(in_vram(fivefold));
  for (tensor_id const id : {twofold, second}) leave(id);
  leave(fivefold, tier::vram, other);
  EXPECT_EQ(core_.stats().vram.effective_bytes, 8 * unit);
}

}  // namespace
}  // namespace tierpager::test
