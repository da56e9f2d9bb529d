#include <core/format/names.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <core/utf8.hpp>

namespace tierpager {

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    code_point const next = first_code_point(text.substr(at));
    if (!next.valid) return at;
    at += next.bytes;
  }
  return std::nullopt;
}

bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return false;
  return name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::optional<std::string> path_inside(std::string_view name) {
  if (name.empty() || name.find_first_of(std::string_view("\\\0", 2)) != std::string_view::npos) return std::nullopt;
  std::string path;
  for (bool is_last = false; !is_last;) {
    std::size_t const separator = name.find('/');
    is_last = separator == std::string_view::npos;
    std::string_view const part = name.substr(0, separator);
    if (!is_last) name.remove_prefix(separator + 1);
    if (part == "." && !is_last) continue;
    if (!is_plain_file_name(part)) return std::nullopt;
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

bool is_lfs_pointer(std::string_view first_bytes) {
  return first_bytes.starts_with("version https://git-lfs.github.com/spec/");
}

std::optional<std::size_t> find_duplicate(std::span<std::string_view const> names) {
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    int const compared = names[left].compare(names[right]);
    return compared != 0 ? compared < 0 : left < right;
  });
  std::optional<std::size_t> found;
  for (std::size_t i = 1; i < order.size(); ++i)
    if (names[order[i - 1]] == names[order[i]] && (!found || order[i] < *found)) found = order[i];
  return found;
}

}  // namespace tierpager
