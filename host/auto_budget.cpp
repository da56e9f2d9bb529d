#include <host/auto_budget.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include <unistd.h>

namespace tierpager {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t vram_headroom_bytes_min = 512ULL << 20U;

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

/// Which files of a memory cgroup say what, in one of the two layouts.
struct cgroup_files {
  char const *limit, *soft_limit, *used, *reclaimable_key;
};
constexpr cgroup_files v2_files{"memory.max", "memory.high", "memory.current", "inactive_file"};
constexpr cgroup_files v1_files{"memory.limit_in_bytes", nullptr, "memory.usage_in_bytes", "total_inactive_file"};

optional_bytes cgroup_headroom(fs::path const& group, cgroup_files const& files) {
  optional_bytes limit = number_in(group / files.limit);
  if (files.soft_limit != nullptr) limit = least(limit, number_in(group / files.soft_limit));
  auto const used = number_in(group / files.used);
  if (!limit || !used) return std::nullopt;
  std::uint64_t const reclaimable =
      std::min(*used, number_in(group / "memory.stat", files.reclaimable_key).value_or(0));
  std::uint64_t const held = *used - reclaimable;
  return held < *limit ? *limit - held : 0;
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

}  // namespace

std::optional<std::uint64_t> ram_headroom_bytes(fs::path const& root) {
  optional_bytes headroom;
  if (auto const kib = number_in(root / "proc/meminfo", "MemAvailable:")) headroom = *kib * 1024;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "NUMBER:CONTROLLERS:PATH"
    auto const first = line.find(':');
    auto const second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string const controllers = line.substr(first + 1, second - first - 1);
    std::string const path = line.substr(second + 1);
    if (controllers.empty()) headroom = least(headroom, least_cgroup_headroom(root / "sys/fs/cgroup", path, v2_files));
    if (lists_memory(controllers))
      headroom = least(headroom, least_cgroup_headroom(root / "sys/fs/cgroup/memory", path, v1_files));
  }
  return headroom;
}

std::uint64_t auto_ram_bytes(fs::path const& root) {
  auto headroom = ram_headroom_bytes(root);
  if (!headroom) {
    long const pages = ::sysconf(_SC_AVPHYS_PAGES);
    long const page_bytes = ::sysconf(_SC_PAGESIZE);
    headroom =
        pages <= 0 || page_bytes <= 0 ? 0 : static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  return *headroom / 4 * 3;
}

result<std::uint64_t> auto_vram_bytes(device& on) {
  auto const free = on.free_vram_bytes();
  if (!free.ok()) return free.error();
  std::uint64_t const headroom = std::max(vram_headroom_bytes_min, *free / 10);
  return *free - std::min(headroom, *free / 2);
}

environment_budget_texts environment_budgets() {
  auto const read = [](char const* name) -> std::optional<std::string> {
    char const* const text =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment
    if (text == nullptr || *text == '\0') return std::nullopt;
    return text;
  };
  return {.vram = read("TIERPAGER_VRAM"), .ram = read("TIERPAGER_RAM")};
}

}  // namespace tierpager
