// What a pager warns of: each kind once, where it happens, with the figure and what would help; and never under its lock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <mutex>
#include <thread>

#include <host/host_device.hpp>
#include <host/warning_texts.hpp>
#include <tests/support/catalog_of_sizes.hpp>
#include <tests/support/paged_reading.hpp>
#include <tierpager/forwarding_device.hpp>
#include <tierpager/open.hpp>

namespace tierpager::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::uint64_t mib = 1U << 20U;

/// Keeps what it is told.
class heard {
 public:
  warning_callback callback() {
    return [this](std::string const& what) {
      std::scoped_lock const lock(mutex_);
      all_.push_back(what);
    };
  }
  [[nodiscard]] std::vector<std::string> all() const {
    std::scoped_lock const lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

/// A device whose system refuses to lock pages from the first commit of RAM on.
class unlockable_device final : public forwarding_device {
 public:
  unlockable_device() : forwarding_device(std::make_shared<host_device>(host_device_options{.lock_pages = false})) {}
  status commit(tier where, byte_range range) override {
    if (where == tier::ram) refused_ = true;
    return forwarding_device::commit(where, range);
  }
  [[nodiscard]] std::optional<failure> page_lock_failure() const override {
    if (!refused_) return std::nullopt;
    return failure{.code = errc::out_of_memory, .what = "mlock", .system_error = ENOMEM};
  }

 private:
  std::atomic<bool> refused_ = false;
};

class warnings : public testing::Test {
 protected:
  static catalog tensors() {
    catalog_of_sizes made;
    made.add("token_embd.weight", 64, mib / 8);
    for (int i = 0; i < 3; ++i) made.add_layer(static_cast<std::size_t>(i), {mib});
    return made.take();
  }
  pager open(pager_options options, std::shared_ptr<device> on = nullptr) {
    options.on_warning = told_.callback();
    if (on == nullptr) on = std::make_shared<host_device>(host_device_options{.lock_pages = false});
    return {tensors(), std::make_shared<pattern_source>(unlimited_bytes), std::move(on), options};
  }

  watchdog const limit_{"a test of warnings"};
  heard told_;
};

TEST_F(warnings, are_none_where_all_is_as_asked_for) {
  pager paged = open({.vram = "100%", .ram = "100%", .pin_vram = {"last:3"}});
  paged.pin("token_embd.weight", tier::ram);
  (void)paged.set_budget(tier::ram, "90%");
  EXPECT_THAT(told_.all(), IsEmpty());
}

TEST_F(warnings, say_why_the_host_device_was_taken_and_only_where_it_was_not_asked_for) {
  (void)open_device(device_kind::host, 0, told_.callback());
  EXPECT_THAT(told_.all(), IsEmpty());
  bool const fell_back = open_device(device_kind::automatic, 0, told_.callback())->name() == "host";
  EXPECT_EQ(told_.all().size(), fell_back ? 1U : 0U);
  for (std::string const& each : told_.all())
    EXPECT_THAT(each, AllOf(StartsWith("device auto: there is no CUDA device to use ("),
                            HasSubstr("the host device is used"), HasSubstr("--device host")));
  (void)open_device(device_kind::automatic, 0, {});  // silence
}

TEST_F(warnings, say_once_why_ram_is_not_page_locked) {
  pager paged = open({.vram = "100%", .ram = "100%", .reader_threads = 1}, std::make_shared<unlockable_device>());
  eventually([&] { return !told_.all().empty(); });
  (void)paged.set_budget(tier::ram, "50%");
  (void)paged.set_budget(tier::ram, "100%");
  ASSERT_EQ(told_.all().size(), 1U);
  EXPECT_THAT(told_.all().front(),
              AllOf(StartsWith("ram: not page-locked, so that the system may swap it out"), HasSubstr("mlock")));
}

TEST_F(warnings, of_locked_memory_name_the_figure_the_limit_and_how_to_raise_it) {
  failure const why{.code = errc::out_of_memory, .what = "mlock"};
  EXPECT_EQ(
      unlocked_ram_warning(why, 3 * mib + 1, true, mib),
      "ram: not page-locked, so that the system may swap it out: mlock; 3.00 MiB (3145729 bytes) are wanted, and "
      "RLIMIT_MEMLOCK allows 1.00 MiB (1048576 bytes): raise it with 'ulimit -l 3073', or give a smaller RAM budget");
  EXPECT_EQ(unlocked_ram_warning(why, mib, false, mib),
            "ram: not page-locked, so that copies to the device are slower: mlock");
  EXPECT_EQ(unlocked_ram_warning(why, mib, true, std::nullopt),
            "ram: not page-locked, so that the system may swap it out: mlock");
}

TEST_F(warnings, name_the_tensor_that_exceeds_the_budget_and_its_slices) {
  pager paged = open({.vram = bytes(4 * mib), .ram = "100%"});
  EXPECT_THAT(told_.all(), ElementsAre(AllOf(StartsWith("tensor 'token_embd.weight': "), HasSubstr("no acquire of it"),
                                             HasSubstr("vram budget of 4194304 bytes: needs at least 8388608 bytes"),
                                             HasSubstr("--slice 'token_embd.weight:32'"))));
  (void)paged.set_budget(tier::vram, "100%");
  EXPECT_EQ(told_.all().size(), 1U);
  (void)paged.set_budget(tier::vram, bytes(2 * mib));
  EXPECT_EQ(told_.all().size(), 2U);
  pager host = open({.vram = "none", .ram = bytes(4 * mib)});
  ASSERT_EQ(told_.all().size(), 3U);
  EXPECT_THAT(told_.all().back(), HasSubstr("ram budget of 4194304 bytes"));
}

TEST_F(warnings, say_that_auto_found_less_than_the_model_needs) {
  auto const small = std::make_shared<host_device>(host_device_options{.vram_bytes = 20 * mib, .lock_pages = false});
  pager const paged = open({.vram = "auto", .ram = "100%"}, small);
  EXPECT_THAT(told_.all(), ElementsAre(AllOf(StartsWith("vram: auto found 10.0 MiB (10485760 bytes)"),
                                             HasSubstr("the model needs 11.0 MiB (11534336 bytes) to stay"))));
  statistics now;
  now.vram = {.present = true, .effective_bytes = 3 * mib};
  now.ram = {.present = true, .budget_bytes = 7 * mib, .least_bytes = mib};
  EXPECT_EQ(auto_budget_warning(tier::ram, now, 10 * mib), std::nullopt);  // the rest lies in VRAM
  EXPECT_THAT(auto_budget_warning(tier::ram, now, 11 * mib).value_or(""), HasSubstr("read from the file"));
  now.ram.budget_bytes = 0;
  EXPECT_THAT(auto_budget_warning(tier::ram, now, 11 * mib).value_or(""),
              AllOf(StartsWith("ram: auto found 0 bytes"), HasSubstr("the least that works is 1.00 MiB")));
}

TEST_F(warnings, say_what_a_pin_covers_where_it_is_pinned) {
  pager paged = open({.vram = "100%", .ram = "100%", .pin_vram = {"output"}, .pin_ram = {"last:9"}});
  EXPECT_THAT(told_.all(), ElementsAre(HasSubstr("vram pin 'output': the model has no output tensor"),
                                       HasSubstr("ram pin 'last:9': there are 3 layers")));
  EXPECT_TRUE(paged.pinned(tensor_id{0}, tier::vram));
  paged.pin("last:4", tier::vram);
  EXPECT_EQ(told_.all().size(), 3U);
  EXPECT_TRUE(code_of([&] {
                paged.pin("nothing", tier::vram);
                return 0;
              }) == errc::unknown_tensor);
  EXPECT_EQ(told_.all().size(), 3U);
}

TEST_F(warnings, are_one_line_that_commands_no_terminal) {
  EXPECT_THAT(pin_warning(tier::vram, "pin 'a\n\x1b[31m*': it covers"),
              AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(too_large_warning({.code = errc::budget_too_small, .what = "x", .tensor = "a\x1b[2J"}),
              Not(HasSubstr("\x1b")));
}

TEST_F(warnings, are_not_told_under_the_lock) {
  std::optional<pager> paged;
  int told = 0;
  pager_options const options{.vram = "100%", .ram = "100%", .on_warning = [&](std::string const&) {
                                ++told;
                                std::jthread const other([&] { (void)paged->stats(); });  // would wait for ever
                              }};
  paged.emplace(tensors(), std::make_shared<pattern_source>(unlimited_bytes),
                std::make_shared<host_device>(host_device_options{.lock_pages = false}), options);
  paged->pin("last:9", tier::ram);
  (void)paged->set_budget(tier::vram, bytes(2 * mib));
  EXPECT_EQ(told, 2);
}

TEST_F(warnings, go_to_standard_error_where_nothing_else_is_said_and_nowhere_by_an_empty_function) {
  auto const open_small = [](pager_options options) {
    options.vram = bytes(2 * mib);
    options.ram = "100%";
    pager const paged(tensors(), std::make_shared<pattern_source>(unlimited_bytes),
                      std::make_shared<host_device>(host_device_options{.lock_pages = false}), options);
  };
  testing::internal::CaptureStderr();
  open_small({});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith("tierpager: warning: tensor 'token_embd.weight': "));
  testing::internal::CaptureStderr();
  open_small({.on_warning = {}});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace tierpager::test
