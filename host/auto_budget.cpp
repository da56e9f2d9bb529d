#include <host/auto_budget.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <host/environment.hpp>

namespace tierpager {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t vram_headroom_bytes_min = 512ULL << 20U;
/// More than any machine has. The first version of cgroups writes "no limit" as the largest number of pages, which is more.
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 60U;

using optional_bytes = std::optional<std::uint64_t>;

optional_bytes parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

/// The number a file holds; nothing where it cannot be read or says "max".
optional_bytes number_in(fs::path const& path) {
  std::ifstream in(path);
  std::string word;
  if (!(in >> word)) return std::nullopt;
  return parse_number(word);
}

/// The number behind `key` in a file of "key number" lines.
optional_bytes number_in(fs::path const& path, std::string_view key) {
  std::ifstream in(path);
  std::string word;
  std::string number;
  for (std::string rest; in >> word >> number; std::getline(in, rest))
    if (word == key) return parse_number(number);
  return std::nullopt;
}

optional_bytes least(optional_bytes a, optional_bytes b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

/// The sum of those that can be read; nothing where none can.
optional_bytes sum_in(fs::path const& path, std::initializer_list<std::string> keys) {
  optional_bytes sum;
  for (std::string const& key : keys)
    if (auto const value = number_in(path, key)) sum = sum.value_or(0) + std::min(*value, bytes_max);
  return sum;
}

/// The names of a memory cgroup's files and figures in one of the two layouts. In memory.stat the first version has
/// figures that include the groups below, under names of their own.
struct cgroup_files {
  std::string limit, soft_limit, used, active_file, inactive_file, dirty, writeback;
};

cgroup_files const& v2_files() {
  static cgroup_files const files{"memory.max",    "memory.high", "memory.current", "active_file",
                                  "inactive_file", "file_dirty",  "file_writeback"};
  return files;
}

cgroup_files const& v1_files() {
  static cgroup_files const files{.limit = "memory.limit_in_bytes",
                                  .soft_limit = {},
                                  .used = "memory.usage_in_bytes",
                                  .active_file = "total_active_file",
                                  .inactive_file = "total_inactive_file",
                                  .dirty = "total_dirty",
                                  .writeback = "total_writeback"};
  return files;
}

/// Page cache that the kernel drops when the group needs room: the files on its two lists. Shared memory and locked pages
/// are on other lists; what has yet to be written is not given up at once.
std::uint64_t reclaimable_bytes(fs::path const& group, cgroup_files const& files) {
  fs::path const stat = group / "memory.stat";
  std::uint64_t const cached = sum_in(stat, {files.active_file, files.inactive_file}).value_or(0);
  std::uint64_t const unwritten = sum_in(stat, {files.dirty, files.writeback}).value_or(0);
  return cached - std::min(cached, unwritten);
}

optional_bytes cgroup_headroom(fs::path const& group, cgroup_files const& files) {
  optional_bytes limit = number_in(group / files.limit);
  if (!files.soft_limit.empty()) limit = least(limit, number_in(group / files.soft_limit));
  // The first version says the least limit of the groups above too, which a container may not see.
  limit = least(limit, number_in(group / "memory.stat", "hierarchical_memory_limit"));
  if (!limit || *limit >= bytes_max) return std::nullopt;
  std::uint64_t const used = number_in(group / files.used).value_or(0);
  std::uint64_t const held = used - std::min(used, reclaimable_bytes(group, files));
  return *limit - std::min(*limit, held);
}

/// Of a group and all its ancestors up to the mount. Inside a container the path may name groups that are not visible;
/// the mount itself then stands for the container's own group.
optional_bytes least_cgroup_headroom(fs::path const& mount, std::string const& group, cgroup_files const& files) {
  fs::path const below = fs::path(group).relative_path();
  optional_bytes headroom = cgroup_headroom(mount, files);
  fs::path at = mount;
  for (fs::path const& part : below) {
    if (part == "..") break;  // seen from another cgroup namespace
    at /= part;
    headroom = least(headroom, cgroup_headroom(at, files));
  }
  return headroom;
}

bool lists_memory(std::string_view controllers) {
  return std::string(",").append(controllers).append(",").find(",memory,") != std::string::npos;
}

/// The first version is mounted under the names of its controllers: "memory", or "cpu,memory".
std::vector<fs::path> v1_mounts(fs::path const& cgroups) {
  std::vector<fs::path> mounts;
  std::error_code unreadable;
  for (fs::directory_iterator at(cgroups, unreadable), end; !unreadable && at != end; at.increment(unreadable))
    if (lists_memory(at->path().filename().string())) mounts.push_back(at->path());
  return mounts;
}

/// Kernels before 3.14, and some containers, have no figure for it; what they have comes close.
optional_bytes machine_headroom(fs::path const& meminfo) {
  optional_bytes kib = number_in(meminfo, "MemAvailable:");
  if (auto const free = number_in(meminfo, "MemFree:"); !kib && free) {
    std::uint64_t const cached = sum_in(meminfo, {"Active(file):", "Inactive(file):"}).value_or(0);
    std::uint64_t const unwritten = sum_in(meminfo, {"Dirty:", "Writeback:"}).value_or(0);
    kib = std::min(*free, bytes_max) + cached - std::min(cached, unwritten);
  }
  if (!kib) return std::nullopt;
  return std::min(*kib, bytes_max / 1024) * 1024;
}

std::uint64_t free_bytes_by_sysconf() {
  long const pages = ::sysconf(_SC_AVPHYS_PAGES);
  long const page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return 0;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
}

}  // namespace

std::uint64_t ram_headroom_bytes(fs::path const& root) {
  optional_bytes headroom = machine_headroom(root / "proc/meminfo");
  if (!headroom) headroom = free_bytes_by_sysconf();
  fs::path const cgroups = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "NUMBER:CONTROLLERS:PATH"
    auto const first = line.find(':');
    auto const second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string const controllers = line.substr(first + 1, second - first - 1);
    std::string const path = line.substr(second + 1);
    if (controllers.empty())
      for (fs::path const& mount : {cgroups, cgroups / "unified"})
        headroom = least(headroom, least_cgroup_headroom(mount, path, v2_files()));
    if (lists_memory(controllers))
      for (fs::path const& mount : v1_mounts(cgroups))
        headroom = least(headroom, least_cgroup_headroom(mount, path, v1_files()));
  }
  return *headroom;
}

std::uint64_t auto_ram_bytes(fs::path const& root) { return ram_headroom_bytes(root) / 4 * 3; }

result<std::uint64_t> auto_vram_bytes(device& on) {
  auto const free = on.free_vram_bytes();
  if (!free.ok()) return free.error();
  std::uint64_t const headroom = std::max(vram_headroom_bytes_min, *free / 10);
  return *free - std::min(headroom, *free / 2);
}

result<std::uint64_t> auto_bytes(device& on, tier where, std::uint64_t held_bytes, tier_claim const& other) {
  auto const vram = where == tier::vram ? auto_vram_bytes(on) : result<std::uint64_t>(bytes_max);
  if (!vram.ok()) return vram;
  if (!on.vram_is_ram()) return held_bytes + (where == tier::vram ? *vram : auto_ram_bytes());
  std::uint64_t const both = auto_ram_bytes() + held_bytes + other.held_bytes;
  bool const sensible = other.budget_bytes <= both;
  std::uint64_t const claimed = sensible ? other.budget_bytes : std::min(other.budget_bytes, other.whole_bytes);
  return std::min(*vram + held_bytes, both - std::min(both, claimed));
}

budget named_budget(tier where, budget const& asked) {
  if (asked.what() != budget::kind::automatic) return asked;
  char const* const name = where == tier::vram ? "TIERPAGER_VRAM" : "TIERPAGER_RAM";
  auto const text = environment_text(name);
  if (!text) return asked;
  auto const named = budget::parse(*text);
  if (named.ok()) return *named;
  failure why = named.error();
  why.what = std::string(name) + ": " + why.what;
  throw error(std::move(why));
}

}  // namespace tierpager
