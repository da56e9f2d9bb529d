#include <core/pin_preset.hpp>

#include <algorithm>
#include <optional>
#include <string>

#include <core/tensor_names.hpp>

namespace tierpager {
namespace {

std::optional<std::uint64_t> layer_of(std::string_view name) {
  std::vector<std::string_view> const parts = parts_of(name);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (is_one_of(layer_names, parts[i]))
      if (auto const layer = number_of(parts[i + 1])) return layer;
  return std::nullopt;
}

// A part outside the layers that bears one of these names.
template <class Names>
bool named(Names const& names, std::string_view name) {
  if (layer_of(name)) return false;
  std::vector<std::string_view> const parts = parts_of(name);
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return is_one_of(names, part); });
}

}  // namespace

result<std::vector<tensor_id>> match_pins(catalog const& tensors, std::string_view glob_or_preset) {
  std::vector<tensor_id> ids;
  auto choose = [&](auto&& wanted) {
    for (std::size_t i = 0; i < tensors.size(); ++i)
      if (wanted(without_slice(tensors.infos()[i].name))) ids.push_back(static_cast<tensor_id>(i));
  };
  if (glob_or_preset == "embeddings") {
    choose([](std::string_view name) { return named(embedding_names, name); });
  } else if (glob_or_preset == "output") {
    choose([](std::string_view name) { return named(output_names, name) || name == "model.norm.weight"; });
  } else if (glob_or_preset.starts_with("last:")) {
    auto const count = number_of(glob_or_preset.substr(5));
    if (!count || *count == 0)
      return failure{
          .code = errc::invalid_argument,
          .what = std::string("'").append(glob_or_preset) + "': last:N wants a number of layers, at least 1"};
    std::uint64_t layers = 0;
    for (tensor_info const& one : tensors)
      if (auto const layer = layer_of(one.name)) layers = std::max(layers, *layer + 1);
    choose([&](std::string_view name) {
      auto const layer = layer_of(name);
      return layer && *layer + *count >= layers;
    });
  } else {
    ids = tensors.match(glob_or_preset);
  }
  if (!ids.empty()) return ids;
  return failure{.code = errc::unknown_tensor,
                 .what = "no tensor matches the pin '" + std::string(glob_or_preset) + "'"};
}

result<std::vector<tensor_id>> match_all_pins(catalog const& tensors,
                                              std::vector<std::string> const& globs_and_presets) {
  std::vector<tensor_id> all;
  for (std::string const& each : globs_and_presets) {
    result<std::vector<tensor_id>> const ids = match_pins(tensors, each);
    if (!ids.ok()) return ids.error();
    all.insert(all.end(), ids->begin(), ids->end());
  }
  return all;
}

}  // namespace tierpager
