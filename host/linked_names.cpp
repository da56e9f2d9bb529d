#include <host/linked_names.hpp>

#include <filesystem>

namespace tierpager {
namespace {

constexpr std::size_t links_max = 40;  // as many as the system follows

}  // namespace

std::vector<std::string> linked_names(std::string const& path) {
  std::vector<std::string> names = {path};
  std::error_code wrong;
  while (names.size() <= links_max && std::filesystem::is_symlink(names.back(), wrong)) {
    std::filesystem::path const target = std::filesystem::read_symlink(names.back(), wrong);
    if (wrong) break;
    names.push_back(beside(names.back(), target.string()));
  }
  return names;
}

std::string beside(std::string const& path, std::string_view name) {
  return (std::filesystem::path(path).parent_path() / name).string();
}

std::string name_with(std::string const& path, std::string_view name) {
  std::error_code ignored;
  for (std::string const& each : linked_names(path))
    if (std::filesystem::exists(beside(each, name), ignored)) return each;
  return path;
}

}  // namespace tierpager
