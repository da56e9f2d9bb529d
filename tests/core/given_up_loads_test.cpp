// A set that needs the room of loads ahead, one of its own tensors among them: what is given up ends before it begins anew.
#include <gtest/gtest.h>

#include <core/residency.hpp>
#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t tensor_bytes = 4 * page_bytes;
constexpr tensor_id first{0}, second{1}, third{2}, fourth{3};

// Tensors pass RAM in rings of two pages, of which there is one. Reads are answered when the test says so.
class given_up_loads : public testing::Test {
 protected:
  void carry_out() {
    std::vector<command> next;
    for (core_.take_commands(next); !next.empty(); next.clear(), core_.take_commands(next)) {
      for (command const& one : next) {
        if (auto const* remap = std::get_if<remap_command>(&one))
          core_.remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
        if (auto const* read = std::get_if<read_command>(&one)) reads_.push_back(*read);
        if (auto const* copy = std::get_if<copy_command>(&one))
          core_.copy_queued(copy->tensor, copy->chunk, {.stream = 0, .sequence = ++copies_});
        if (auto const* watch = std::get_if<watch_command>(&one)) core_.passed(watch->until);
        granted_ = granted_ || std::holds_alternative<grant_command>(one);
        rejected_ = rejected_ || std::holds_alternative<reject_command>(one);
      }
    }
  }
  void answer_reads() {
    while (!reads_.empty()) {
      read_command const one = reads_.front();
      reads_.erase(reads_.begin());
      core_.read_done(one.tensor, one.chunk, {});
      carry_out();
    }
  }

  pattern_model model_ = make_pattern_model(4, tensor_bytes);
  std::vector<std::uint64_t> sizes_ = std::vector<std::uint64_t>(4, tensor_bytes);
  residency core_{
      model_.tensors,
      {.vram = {.budget_bytes = 2 * tensor_bytes}, .ram = {.budget_bytes = 2 * page_bytes}, .chunk_bytes = page_bytes},
      make_eviction_policy("auto", sizes_).value(),
      make_eviction_policy("auto", sizes_).value()};
  std::vector<read_command> reads_;
  std::uint64_t copies_ = 0;
  bool granted_ = false, rejected_ = false;
};

TEST_F(given_up_loads, of_the_set_itself_are_over_before_they_begin_anew) {
  for (tensor_id const id : {third, fourth}) {  // VRAM is full
    ASSERT_TRUE(core_.acquire(std::span(&id, 1), tier::vram, caller_id{}).ok());
    carry_out();
    answer_reads();
    core_.release(id, tier::vram, caller_id{}, std::nullopt);
  }
  granted_ = false;
  core_.prefetch(std::array{first, second});
  carry_out();
  ASSERT_FALSE(reads_.empty());
  ASSERT_TRUE(core_.acquire(std::array{first, third}, tier::vram, caller_id{}).ok());
  carry_out();
  answer_reads();
  EXPECT_TRUE(granted_ && !rejected_);
  EXPECT_TRUE(core_.resident(first, tier::vram) && core_.resident(third, tier::vram));
  core_.check();
}

}  // namespace
}  // namespace tierpager::test
