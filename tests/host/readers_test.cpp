// What readers do and in which order: memory first, then chunks; and what becomes of a source that fails or throws.
#include <gmock/gmock.h>

#include <thread>

#include <host/readers.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

/// Says what the test wants instead of reading.
class scripted_source final : public source {
 public:
  explicit scripted_source(std::shared_ptr<source> real) : real_(std::move(real)) {}
  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override {
    if (instead) return instead();
    return real_->read(file, offset, target);
  }
  std::function<status()> instead;

 private:
  std::shared_ptr<source> const real_;
};

struct readers_alone : lone_part {
  readers_alone() {
    commands_.also = [this](command& next) TIERPAGER_REQUIRES(pager_lock) {
      if (auto* const remap = std::get_if<remap_command>(&next)) {
        memory.add(*remap);
        reading.add_remap();
      }
      if (auto* const read = std::get_if<read_command>(&next)) reading.add(*read);
      if (auto* const evicted = std::get_if<tell_evicted_command>(&next)) reading.add(*evicted);
    };
    scoped_lock const lock(core_.mutex());
    device_.on_call = nullptr;  // nobody else knows the pager yet
    memory.open();
    device_.on_call = [this] { expect_free(); };
    reading.reserve(2);
  }
  /// Two threads run the loop until `holds`, under the lock.
  template <class Condition>
  void run_until(Condition const& holds) TIERPAGER_EXCLUDES(pager_lock) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([this] { reading.run(); });
    eventually([&] {
      scoped_lock const lock(core_.mutex());
      return holds();
    });
    scoped_lock const lock(core_.mutex());
    (void)core_.close();
    reading.wake_all();
  }
  void ask_for_in_ram(tensor_id id) TIERPAGER_EXCLUDES(pager_lock) {
    scoped_lock const lock(core_.mutex());
    (void)ask_for(id, tier::ram);
  }
  bool in_ram(tensor_id id) TIERPAGER_NO_THREAD_SAFETY_ANALYSIS { return core_->resident(id, tier::ram); }
  bool rejected() {
    for (reject_command& each : commands_.take_all<reject_command>()) why = std::move(each.why);
    return why.has_value();
  }

  tier_budgets budgets{model_.tensors, device_, {.vram = "50%", .ram = "100%"}};
  pager_warnings warnings{core_, device_, model_.tensors, budgets, {}};
  device_memory memory{core_, device_, warnings};
  tracer const trace{model_.tensors};
  scripted_source from{model_.source};
  readers reading{core_, from, device_, model_.tensors, trace, memory};
  std::optional<failure> why;
};

TEST_F(readers_alone, bring_memory_and_what_is_to_lie_there) {
  for (std::uint32_t i = 0; i < tensors; ++i) ask_for_in_ram(tensor_id{i});
  run_until(
      [&] { return in_ram(tensor_id{0}) && in_ram(tensor_id{1}) && in_ram(tensor_id{2}) && in_ram(tensor_id{3}); });
  scoped_lock const lock(core_.mutex());
  for (std::uint32_t i = 0; i < tensors; ++i) {
    slot const& place = core_->place(tensor_id{i}, tier::ram);
    std::span const bytes(memory.base(tier::ram) + place.range.offset, place.bytes);
    EXPECT_EQ(first_wrong_byte(model_.tensors[tensor_id{i}], bytes), bytes.size());
  }
}

TEST_F(readers_alone, tell_the_core_of_a_read_that_failed) {
  ask_for_in_ram(tensor_id{0});
  from.instead = [this] {
    expect_free();
    return failure{.code = errc::read_failed, .what = "bad sector"};
  };
  run_until([&] { return rejected(); });
  EXPECT_EQ(why->code, errc::read_failed);
  EXPECT_NE(why->what.find("bad sector"), std::string::npos);
}

TEST_F(readers_alone, outlive_a_source_that_throws) {
  ask_for_in_ram(tensor_id{0});
  from.instead = []() -> status { throw std::runtime_error("no such bucket"); };
  run_until([&] { return rejected(); });
  EXPECT_EQ(why->code, errc::read_failed);
  EXPECT_NE(why->what.find("the source threw: no such bucket"), std::string::npos);
}

TEST_F(readers_alone, keep_the_details_of_an_error_that_a_source_throws) {
  ask_for_in_ram(tensor_id{0});
  from.instead = []() -> status { throw error({.code = errc::file_truncated, .what = "half of it is there"}); };
  run_until([&] { return rejected(); });
  EXPECT_EQ(why->code, errc::file_truncated);
}

TEST_F(readers_alone, end_when_the_pager_closes) {
  run_until([] { return true; });
}

}  // namespace
}  // namespace tierpager::test
