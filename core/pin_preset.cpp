#include <core/pin_preset.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace tierpager {
namespace {

constexpr std::array embedding_names{
    "token_embd", "position_embd", "token_types",    "embed_tokens",    "embed_positions",
    "wte",        "wpe",           "tok_embeddings", "word_embeddings", "position_embeddings"};
constexpr std::array output_names{"output", "output_norm", "lm_head", "embed_out"};
constexpr std::array layer_names{"blk", "layers", "layer", "h", "blocks", "block"};

// "lm_head[0:4096]" -> "lm_head": a part is pinned with its tensor.
std::string_view without_slice(std::string_view name) {
  return name.ends_with(']') ? name.substr(0, name.find('[')) : name;
}

// "model.layers.12.mlp.up_proj.weight" -> model, layers, 12, mlp, up_proj, weight
std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    std::size_t const dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

template <class Names>
bool is_one_of(Names const& names, std::string_view part) {
  return std::find(names.begin(), names.end(), part) != names.end();
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

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
