#include <tools/order_file.hpp>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <fmt/format.h>

namespace tierpager::tools {

namespace {

// A file from another system ends its lines with "\r\n"; a name may end with "\r" all the same.
std::optional<tensor_id> find(catalog const& tensors, std::string_view line) {
  std::optional<tensor_id> const found = tensors.find(line);
  if (found || !line.ends_with('\r')) return found;
  return tensors.find(line.substr(0, line.size() - 1));
}

bool is_separator(std::string_view line) {
  if (!line.starts_with(pass_separator)) return false;
  return line.find_first_not_of(" \t\r", pass_separator.size()) == std::string_view::npos;
}

}  // namespace

pass_order file_order(catalog const& tensors) {
  pass_order order;
  order.reserve(tensors.size());
  for (std::uint32_t id = 0; id < tensors.size(); ++id) order.push_back(tensor_id{id});
  std::ranges::stable_sort(order, {}, [&](tensor_id id) { return std::pair(tensors[id].file, tensors[id].offset); });
  return order;
}

std::vector<pass_order> read_order_file(std::string const& path, catalog const& tensors) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw error(failure{.code = errc::file_not_found, .what = "cannot be opened", .file = path, .system_error = errno});
  std::vector<pass_order> passes(1);
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (is_separator(line)) {
      if (!passes.back().empty()) passes.emplace_back();
    } else if (!line.empty() && line != "\r" && !line.starts_with('#')) {
      std::optional<tensor_id> const id = find(tensors, line);
      if (!id)
        throw error(failure{
            .code = errc::unknown_tensor, .what = fmt::format("line {}: no tensor '{}'", number, line), .file = path});
      passes.back().push_back(*id);
    }
  }
  if (file.bad())
    throw error(failure{.code = errc::read_failed, .what = "cannot be read", .file = path, .system_error = errno});
  if (passes.back().empty()) passes.pop_back();
  if (passes.empty()) throw error(failure{.code = errc::invalid_argument, .what = "names no tensor", .file = path});
  return passes;
}

void require_writable_names(std::vector<pass_order> const& passes, catalog const& tensors) {
  for (pass_order const& order : passes) {
    for (tensor_id const id : order) {
      std::string const& name = tensors[id].name;
      if (!name.empty() && !name.starts_with('#') && name.find('\n') == std::string::npos) continue;
      throw error(
          failure{.code = errc::invalid_argument, .what = "an order file cannot say this name", .tensor = name});
    }
  }
}

}  // namespace tierpager::tools
