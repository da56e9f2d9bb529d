#include <host/auto_budget.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <host/host_device.hpp>
#include <tests/host/temporary_folder.hpp>
#include <tests/support/catalog_of_sizes.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t gib = kib * kib * kib;

/// A root directory with files of the kernel's own, as a test wants them.
class fake_root {
 public:
  fake_root& file(std::string const& name, std::string const& content) {
    folder_.write(name, content);
    return *this;
  }
  fake_root& meminfo(std::uint64_t available_kib) {
    std::string const available = std::to_string(available_kib);
    return file("proc/meminfo",
                "MemTotal:       99999999 kB\nMemFree:           10 kB\nMemAvailable:   " + available + " kB\n");
  }
  fake_root& group_v2(std::string const& name, std::string const& max, std::string const& high, std::uint64_t used,
                      std::uint64_t inactive) {
    std::string const at = "sys/fs/cgroup/" + name;
    file(at + "/memory.max", max + "\n")
        .file(at + "/memory.high", high + "\n")
        .file(at + "/memory.current", std::to_string(used) + "\n");
    return file(at + "/memory.stat",
                "anon 5\nfile 77\ninactive_anon 3\nactive_anon 4\ninactive_file " + std::to_string(inactive) + "\n");
  }
  fake_root& group_v1(std::string const& name, std::uint64_t limit, std::uint64_t used, std::uint64_t inactive) {
    std::string const at = "sys/fs/cgroup/memory/" + name;
    file(at + "/memory.limit_in_bytes", std::to_string(limit))
        .file(at + "/memory.usage_in_bytes", std::to_string(used));
    return file(at + "/memory.stat", "inactive_file 1\ntotal_inactive_file " + std::to_string(inactive) + "\n");
  }
  [[nodiscard]] fs::path path() const { return folder_.path(); }

 private:
  testing::temporary_folder folder_;
};

/// Files of the kernel's, and the room they leave.
struct machine {
  std::string what;
  std::vector<std::pair<std::string, std::string>>
      files;  // beside 64 GiB, 48 of them available, and a group at the root
  std::uint64_t headroom_bytes;
};

std::string const cg = "sys/fs/cgroup/";

std::string const group = "proc/self/cgroup";

std::string text(std::uint64_t bytes) { return std::to_string(bytes) + "\n"; }

std::vector<machine> with_v2_groups() {
  return {
      {"no limit", {}, 48 * gib},
      {"limit with page cache on one list",
       {{cg + "memory.max", text(4 * gib)},
        {cg + "memory.high", "max\n"},
        {cg + "memory.current", text(gib)},
        {cg + "memory.stat", "anon 1\ninactive_file " + text(gib / 2)}},
       4 * gib - gib / 2},
      {"the outer group is tighter",
       {{group, "0::/a/b\n"},
        {cg + "a/memory.max", text(8 * gib)},
        {cg + "a/memory.current", text(7 * gib)},
        {cg + "a/b/memory.max", text(4 * gib)},
        {cg + "a/b/memory.current", text(0)}},
       gib},
      {"the path of the host, not visible",
       {{group, "0::/kubepods/pod1/c1\n"}, {cg + "memory.max", text(2 * gib)}, {cg + "memory.current", text(gib / 2)}},
       2 * gib - gib / 2},
      {"a path outside the namespace",
       {{group, "0::/../../other\n"}, {cg + "memory.max", text(2 * gib)}, {cg + "memory.current", text(0)}},
       2 * gib},
      {"memory.high below memory.max",
       {{cg + "memory.max", text(4 * gib)}, {cg + "memory.high", text(gib)}, {cg + "memory.current", text(0)}},
       gib},
      {"used above the limit", {{cg + "memory.max", text(gib)}, {cg + "memory.current", text(2 * gib)}}, 0},
      {"a limit of 0", {{cg + "memory.max", text(0)}, {cg + "memory.current", text(0)}}, 0},
      {"a small limit",
       {{cg + "memory.max", text(100 * kib * kib)}, {cg + "memory.current", text(0)}},
       100 * kib * kib},
      {"a model read just now, on the active list",
       {{cg + "memory.max", text(4 * gib)},
        {cg + "memory.current", text(4 * gib)},
        {cg + "memory.stat", "inactive_file 0\nactive_file " + text(3 * gib)}},
       3 * gib},
      {"both lists, less what has yet to be written",
       {{cg + "memory.max", text(4 * gib)},
        {cg + "memory.current", text(4 * gib)},
        {cg + "memory.stat", "shmem 77\nfile_dirty " + text(gib / 4) + "file_writeback " + text(gib / 4) +
                                 "inactive_file " + text(gib) + "active_file " + text(gib)}},
       2 * gib - gib / 2},
      {"more unwritten than on the lists",
       {{cg + "memory.max", text(4 * gib)},
        {cg + "memory.current", text(3 * gib)},
        {cg + "memory.stat", "file_dirty " + text(3 * gib) + "inactive_file " + text(gib)}},
       gib},
      {"a limit, but not what is used", {{cg + "memory.max", text(4 * gib)}}, 4 * gib},
      {"what is used, but no limit", {{cg + "memory.current", text(4 * gib)}}, 48 * gib},
  };
}

std::vector<machine> with_v1_groups() {
  return {
      {"v1",
       {{group, "4:memory:/docker/abc\n0::/\n"},
        {cg + "memory/memory.limit_in_bytes", text(2 * gib)},
        {cg + "memory/memory.usage_in_bytes", text(gib / 2)},
        {cg + "memory/memory.stat", "inactive_file 9\ntotal_inactive_file " + text(gib / 4)}},
       2 * gib - gib / 4},
      {"v1, both lists, less what has yet to be written",
       {{group, "4:memory:/docker/abc\n0::/\n"},
        {cg + "memory/memory.limit_in_bytes", text(2 * gib)},
        {cg + "memory/memory.usage_in_bytes", text(2 * gib)},
        {cg + "memory/memory.stat", "active_file 9\ntotal_inactive_file " + text(gib / 4) + "total_active_file " +
                                        text(gib) + "total_dirty " + text(gib / 8) + "total_writeback " +
                                        text(gib / 8)}},
       gib},
      {"v1, no limit",
       {{group, "4:memory:/\n"},
        {cg + "memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {cg + "memory/memory.usage_in_bytes", text(0)}},
       48 * gib},
      {"v1, no limit, and an old kernel",
       {{group, "4:memory:/\n"},
        {"proc/meminfo", "MemFree: 4194304 kB\n"},
        {cg + "memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {cg + "memory/memory.usage_in_bytes", text(0)}},
       4 * gib},
      {"v1, a limit of a group above that is not visible",
       {{group, "4:memory:/\n"},
        {cg + "memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {cg + "memory/memory.usage_in_bytes", text(gib)},
        {cg + "memory/memory.stat", "hierarchical_memory_limit " + text(3 * gib)}},
       2 * gib},
      {"v1, mounted with another controller",
       {{group, "4:cpu,memory:/\n"},
        {cg + "cpu,memory/memory.limit_in_bytes", text(2 * gib)},
        {cg + "cpu,memory/memory.usage_in_bytes", text(0)}},
       2 * gib},
      {"both versions, memory in the second",
       {{group, "3:cpu:/x\n0::/app\n"},
        {cg + "unified/app/memory.max", text(2 * gib)},
        {cg + "unified/app/memory.current", text(0)}},
       2 * gib},
      {"both versions, memory in the first",
       {{group, "3:memory:/app\n0::/app\n"},
        {cg + "unified/app/cgroup.procs", "1\n"},
        {cg + "memory/app/memory.limit_in_bytes", text(2 * gib)},
        {cg + "memory/app/memory.usage_in_bytes", text(gib)}},
       gib},
  };
}

std::vector<machine> of_other_kinds() {
  return {
      {"an old kernel: no MemAvailable", {{"proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 4194304 kB\n"}}, 4 * gib},
      {"an old kernel whose memory is page cache",
       {{"proc/meminfo",
         "MemTotal: 8388608 kB\nMemFree: 1048576 kB\nActive(file): 2097152 kB\nInactive(file): 1048576 kB\n"
         "Dirty: 524288 kB\nWriteback: 0 kB\n"}},
       4 * gib - gib / 2},
      {"a group that has more room than the machine",
       {{cg + "memory.max", text(400 * gib)}, {cg + "memory.current", text(0)}},
       48 * gib},
  };
}

void expect_headroom(machine const& of) {
  SCOPED_TRACE(of.what);
  fake_root root;
  root.meminfo(48 * kib * kib).file(group, "0::/\n");
  for (auto const& [name, content] : of.files) root.file(name, content);
  EXPECT_EQ(ram_headroom_bytes(root.path()), of.headroom_bytes);
  EXPECT_EQ(auto_ram_bytes(root.path()), of.headroom_bytes / 4 * 3);
}

TEST(auto_budget, counts_what_the_machine_and_every_group_leave) {
  for (machine const& each : with_v2_groups()) expect_headroom(each);
  for (machine const& each : with_v1_groups()) expect_headroom(each);
  for (machine const& each : of_other_kinds()) expect_headroom(each);
}

TEST(auto_budget, takes_what_is_available_where_no_cgroup_limits) {
  fake_root root;
  root.meminfo(1000).file("proc/self/cgroup", "0::/user.slice\n").group_v2("user.slice", "max", "max", 400, 0);
  EXPECT_EQ(ram_headroom_bytes(root.path()), 1000 * kib);
  EXPECT_EQ(auto_ram_bytes(root.path()), 750 * kib);
}

TEST(auto_budget, takes_the_tightest_cgroup_on_the_way_to_the_root) {
  fake_root root;
  root.meminfo(1'000'000).file("proc/self/cgroup", "0::/a/b/c\n");
  root.group_v2("a", "500000", "max", 100'000, 0);         // 400,000 left
  root.group_v2("a/b", "max", "390000", 200'000, 50'000);  // 240,000 left, by memory.high
  root.group_v2("a/b/c", "300000", "max", 1'000, 0);       // 299,000 left
  EXPECT_EQ(ram_headroom_bytes(root.path()), 240'000U);
}

TEST(auto_budget, counts_page_cache_that_can_be_dropped_as_room_but_never_more_than_is_used) {
  fake_root root;
  root.meminfo(1'000'000).file("proc/self/cgroup", "0::/a\n").group_v2("a", "1000", "max", 900, 5'000);
  EXPECT_EQ(ram_headroom_bytes(root.path()), 1000U);
}

TEST(auto_budget, a_group_over_its_limit_leaves_nothing) {
  fake_root root;
  root.meminfo(1'000'000).file("proc/self/cgroup", "0::/a\n").group_v2("a", "1000", "max", 1200, 100);
  EXPECT_EQ(auto_ram_bytes(root.path()), 0U);
}

TEST(auto_budget, inside_a_container_the_mount_itself_is_the_group) {
  for (char const* own : {"0::/\n", "0::/docker/not-visible-here\n", "0::/../../elsewhere\n"}) {
    fake_root root;
    root.meminfo(1'000'000).file("proc/self/cgroup", own).group_v2("", "70000", "max", 10'000, 0);
    EXPECT_EQ(ram_headroom_bytes(root.path()), 60'000U) << own;
  }
}

TEST(auto_budget, reads_the_first_version_of_cgroups) {
  fake_root root;
  root.meminfo(1'000'000).file("proc/self/cgroup", "12:cpuset:/x\n11:cpu,memory:/a/b\n1:name=systemd:/y\n0::/z\n");
  root.group_v1("", 9'223'372'036'854'771'712U, 5'000'000, 0)
      .group_v1("a", 80'000, 30'000, 4'000)
      .group_v1("a/b", 90'000, 1'000, 0);
  root.group_v1("x", 1, 0, 0).group_v1("y", 1, 0, 0);
  EXPECT_EQ(ram_headroom_bytes(root.path()), 54'000U);
}

TEST(auto_budget, goes_by_what_is_free_where_nothing_can_be_read_or_makes_sense) {
  fake_root root;
  EXPECT_GT(ram_headroom_bytes(root.path()), 0U);
  root.file("proc/meminfo", "MemAvailable: lots\n").file("proc/self/cgroup", "nonsense\n0:memory\n");
  EXPECT_GT(ram_headroom_bytes(root.path()), 0U);
  root.file("proc/self/cgroup", "0::/\n").group_v2("", "70000", "max", 10'000, 0);
  EXPECT_EQ(ram_headroom_bytes(root.path()), 60'000U);
}

TEST(auto_budget, this_machine_has_an_answer) {
  EXPECT_GT(ram_headroom_bytes(), 0U);
  EXPECT_GT(auto_ram_bytes(), 0U);
}

TEST(auto_budget, leaves_a_headroom_on_the_device) {
  constexpr std::uint64_t mib = kib * kib;
  for (auto const& [free, budget] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
           {24'000 * mib, 21'600 * mib}, {2048 * mib, 1536 * mib}, {1024 * mib, 512 * mib}, {600 * mib, 300 * mib}}) {
    host_device on({.vram_bytes = free});
    EXPECT_EQ(value_or_throw(auto_vram_bytes(on)), budget) << free;
  }
}

catalog tensors_of(std::size_t count, std::uint64_t bytes) {
  test::catalog_of_sizes made;
  for (std::size_t i = 0; i < count; ++i) made.add("t" + std::to_string(i), bytes);
  return made.take();
}

// Nothing of all this memory is ever touched.
TEST(auto_budget, both_tiers_of_the_host_device_take_no_more_together_than_is_spare) {
  constexpr std::uint64_t noise_bytes = 512 * kib * kib;  // what other processes take and give back meanwhile
  std::uint64_t const spare = auto_ram_bytes();
  catalog const huge = tensors_of(16, spare / 4);
  auto const nothing = std::make_shared<test::pattern_source>(unlimited_bytes);
  auto const budgets = [&](budget const& vram, budget const& ram) {
    auto const on = std::make_shared<host_device>(host_device_options{.granule_bytes = 2U << 20U, .lock_pages = false});
    pager const pages(huge, nothing, on, {.vram = vram, .ram = ram, .on_warning = [](std::string const&) {}});
    return pages.stats();
  };
  statistics const both = budgets("auto", "auto");
  EXPECT_LE(both.vram.budget_bytes + both.ram.budget_bytes, spare + noise_bytes);
  EXPECT_GE(both.vram.budget_bytes + both.ram.budget_bytes, spare - spare / 8 - noise_bytes);
  statistics const given_vram = budgets(bytes(spare / 2), "auto");
  EXPECT_LE(given_vram.vram.budget_bytes + given_vram.ram.budget_bytes, spare + noise_bytes);
  statistics const given_ram = budgets("auto", bytes(spare - spare / 16));
  EXPECT_LE(given_ram.vram.budget_bytes + given_ram.ram.budget_bytes, spare + noise_bytes);
  EXPECT_LE(budgets(bytes(spare), "auto").ram.budget_bytes, noise_bytes);
}

TEST(auto_budget, takes_what_the_environment_names_for_auto_and_an_empty_variable_for_none) {
  using kind = budget::kind;
  ASSERT_EQ(::setenv("TIERPAGER_VRAM", "6GiB", 1), 0);
  ASSERT_EQ(::setenv("TIERPAGER_RAM", "", 1), 0);
  EXPECT_EQ(named_budget(tier::vram, "auto").bytes_of(0), 6 * gib);
  EXPECT_EQ(named_budget(tier::vram, "1KiB").bytes_of(0), kib);
  EXPECT_EQ(named_budget(tier::ram, "auto").what(), kind::automatic);
  for (auto const& [text, what] : std::initializer_list<std::pair<char const*, kind>>{
           {"none", kind::none}, {"NONE", kind::none}, {"40%", kind::percent}, {"unlimited", kind::unlimited}}) {
    ASSERT_EQ(::setenv("TIERPAGER_RAM", text, 1), 0);
    EXPECT_EQ(named_budget(tier::ram, "auto").what(), what) << text;
  }
  ASSERT_EQ(::setenv("TIERPAGER_RAM", "much", 1), 0);
  try {
    (void)named_budget(tier::ram, "auto");
    ADD_FAILURE() << "'much' is no budget";
  } catch (error const& wrong) {
    EXPECT_EQ(wrong.code(), errc::invalid_argument);
    EXPECT_NE(std::string(wrong.what()).find("TIERPAGER_RAM: budget 'much'"), std::string::npos) << wrong.what();
  }
  ASSERT_EQ(::unsetenv("TIERPAGER_VRAM"), 0);
  ASSERT_EQ(::unsetenv("TIERPAGER_RAM"), 0);
  EXPECT_EQ(named_budget(tier::vram, "auto").what(), kind::automatic);
}

TEST(auto_budget, none_in_the_environment_is_no_tier_as_none_in_the_options_is) {
  catalog const tensors = tensors_of(1, 4096);
  for (char const* const name : {"TIERPAGER_VRAM", "TIERPAGER_RAM"}) {
    SCOPED_TRACE(name);
    ASSERT_EQ(::setenv(name, "none", 1), 0);
    pager pages(tensors, std::make_shared<test::pattern_source>(unlimited_bytes), std::make_shared<host_device>(),
                {.vram = "auto", .ram = "auto"});
    bool const is_vram = name == std::string_view("TIERPAGER_VRAM");
    EXPECT_EQ(pages.stats().vram.present, !is_vram);
    EXPECT_EQ(pages.stats().ram.present, is_vram);
    EXPECT_THROW((void)pages.set_budget(is_vram ? tier::vram : tier::ram, "auto"), error);
    ASSERT_EQ(::unsetenv(name), 0);
  }
}

}  // namespace
}  // namespace tierpager::tests
