#include <tierpager/catalog.hpp>

#include <fnmatch.h>

namespace tierpager {

std::uint32_t catalog::add_file(std::string path) {
  files_.push_back(std::move(path));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void catalog::reserve(std::size_t tensors) {
  tensors_.reserve(tensors);
  by_name_.reserve(tensors);
}

result<tensor_id> catalog::add(tensor_info info) {
  auto refuse = [&](char const* what) {
    return failure{.code = errc::invalid_argument, .what = what, .tensor = info.name};
  };
  if (info.file >= files_.size()) return refuse("its file is not in the catalog");
  if (info.offset + info.bytes < info.offset) return refuse("offset plus bytes exceeds 2^64");
  auto const id = static_cast<tensor_id>(tensors_.size());
  if (!by_name_.emplace(info.name, id).second) return refuse("the name is taken");
  bytes_ += info.bytes;
  tensors_.push_back(std::move(info));
  return id;
}

std::optional<tensor_id> catalog::find(std::string_view name) const {
  auto const at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  return at->second;
}

std::vector<tensor_id> catalog::match(std::string_view glob) const {
  std::string const pattern(glob);
  std::vector<tensor_id> ids;
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    if (fnmatch(pattern.c_str(), tensors_[i].name.c_str(), 0) == 0) ids.push_back(static_cast<tensor_id>(i));
  return ids;
}

result<catalog> catalog::slice(std::string_view glob) const {
  std::vector<tensor_id> const chosen = match(glob);
  if (chosen.empty())
    return failure{.code = errc::unknown_tensor, .what = "no tensor matches '" + std::string(glob) + "'"};
  catalog sliced;
  sliced.files_ = files_;
  auto next = chosen.begin();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    tensor_info const& whole = tensors_[i];
    if (next == chosen.end() || index_of(*next) != i) {
      if (auto added = sliced.add(whole); !added.ok()) return added.error();
      continue;
    }
    ++next;
    auto refuse = [&](char const* what) {
      return failure{.code = errc::invalid_argument, .what = what, .tensor = whole.name};
    };
    if (whole.shape.empty()) return refuse("a scalar has no slices");
    bool const first = whole.order == dimension_order::outermost_first;
    std::uint64_t const count = first ? whole.shape.front() : whole.shape.back();
    if (count == 0 || whole.bytes % count != 0) return refuse("its bytes do not divide into slices");
    tensor_info part = whole;
    part.bytes = whole.bytes / count;
    part.shape.erase(first ? part.shape.begin() : part.shape.end() - 1);
    for (std::uint64_t k = 0; k < count; ++k) {
      part.name = whole.name + "[" + std::to_string(k) + "]";
      part.offset = whole.offset + k * part.bytes;
      if (auto added = sliced.add(part); !added.ok()) return added.error();
    }
  }
  return sliced;
}

}  // namespace tierpager
