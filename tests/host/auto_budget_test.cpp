#include <host/auto_budget.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include <host/host_device.hpp>

namespace tierpager::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kib = 1024;

/// A root directory with files of the kernel's own, as a test wants them.
class fake_root {
 public:
  fake_root() {
    std::string pattern = (fs::temp_directory_path() / "tierpager-root-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory " + pattern);
    path_ = pattern;
  }
  fake_root(fake_root const&) = delete;
  fake_root& operator=(fake_root const&) = delete;
  ~fake_root() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fake_root& file(std::string const& name, std::string const& content) {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << content;
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
                "anon 5\nfile 77\ninactive_anon 3\ninactive_file " + std::to_string(inactive) + "\nactive_file 9\n");
  }
  fake_root& group_v1(std::string const& name, std::uint64_t limit, std::uint64_t used, std::uint64_t inactive) {
    std::string const at = "sys/fs/cgroup/memory/" + name;
    file(at + "/memory.limit_in_bytes", std::to_string(limit))
        .file(at + "/memory.usage_in_bytes", std::to_string(used));
    return file(at + "/memory.stat", "inactive_file 1\ntotal_inactive_file " + std::to_string(inactive) + "\n");
  }
  [[nodiscard]] fs::path const& path() const { return path_; }

 private:
  fs::path path_;
};

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

TEST(auto_budget, knows_nothing_where_nothing_can_be_read_or_makes_sense) {
  fake_root root;
  EXPECT_EQ(ram_headroom_bytes(root.path()), std::nullopt);
  EXPECT_GT(auto_ram_bytes(root.path()), 0U);  // by sysconf
  root.file("proc/meminfo", "MemAvailable: lots\n").file("proc/self/cgroup", "nonsense\n0:memory\n");
  EXPECT_EQ(ram_headroom_bytes(root.path()), std::nullopt);
}

TEST(auto_budget, this_machine_has_an_answer) {
  EXPECT_TRUE(ram_headroom_bytes().has_value());
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

TEST(auto_budget, reads_budgets_from_the_environment_and_takes_an_empty_one_for_none) {
  ASSERT_EQ(::setenv("TIERPAGER_VRAM", "6GiB", 1), 0);
  ASSERT_EQ(::setenv("TIERPAGER_RAM", "", 1), 0);
  EXPECT_EQ(environment_budgets().vram, "6GiB");
  EXPECT_EQ(environment_budgets().ram, std::nullopt);
  ASSERT_EQ(::unsetenv("TIERPAGER_VRAM"), 0);
  EXPECT_EQ(environment_budgets().vram, std::nullopt);
}

}  // namespace
}  // namespace tierpager::tests
