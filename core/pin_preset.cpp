#include <core/pin_preset.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

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

bool is_token_embedding(std::string_view name) { return named(token_embedding_names, name); }

// A tied model has one table for both ends.
bool has_head(catalog const& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](tensor_info const& each) { return named(head_names, without_slice(each.name)); });
}

bool is_preset(std::string_view text) { return text == "embeddings" || text == "output" || text.starts_with("last:"); }

// "model.layers.12.mlp.up_proj.weight" -> "model.layers"
std::string stack_of(std::string_view name) {
  std::vector<std::string_view> const parts = parts_of(name);
  std::string stack;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    stack += (i == 0 ? "" : ".");
    stack += parts[i];
    if (is_one_of(layer_names, parts[i]) && number_of(parts[i + 1])) break;
  }
  return stack;
}

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

// "2 more" of what was not named.
std::string and_more(std::size_t others, char const* what) {
  return others == 0 ? "" : ", and of " + std::to_string(others) + " more " + what + (others == 1 ? "" : "s");
}

// Layers of which nothing is pinned, though the text names none.
std::string layers_left_out(catalog const& tensors, std::span<tensor_id const> ids) {
  std::map<std::string, std::pair<std::set<std::uint64_t>, std::set<std::uint64_t>>>
      stacks;  // all layers, and pinned ones
  auto const note = [&](tensor_info const& each, bool pinned) {
    auto const layer = layer_of(each.name);
    if (!layer) return;
    auto& [all, covered] = stacks[stack_of(each.name)];
    (pinned ? covered : all).insert(*layer);
  };
  for (tensor_info const& each : tensors) note(each, false);
  for (tensor_id const id : ids) note(tensors[id], true);
  std::string first;
  std::size_t others = 0;
  for (auto const& [name, layers] : stacks) {
    auto const& [all, covered] = layers;
    if (covered.empty() || covered.size() == all.size()) continue;
    if (!first.empty())
      ++others;
    else
      first = "it covers " + std::to_string(covered.size()) + " of the " + std::to_string(all.size()) + " layers of " +
              quoted(name);
  }
  return first.empty() ? first : first + and_more(others, "stack of layers");
}

std::string slices_left_out(catalog const& tensors, std::span<tensor_id const> ids) {
  std::map<std::string_view, std::pair<std::size_t, std::size_t>> wholes;  // slices of a tensor, and pinned ones
  for (tensor_info const& each : tensors)
    if (std::string_view const whole = without_slice(each.name); whole != each.name) ++wholes[whole].first;
  for (tensor_id const id : ids)
    if (std::string_view const whole = without_slice(tensors[id].name); whole != tensors[id].name)
      ++wholes[whole].second;
  std::string first;
  std::size_t others = 0;
  for (auto const& [name, slices] : wholes) {
    if (slices.second == 0 || slices.second == slices.first) continue;
    if (!first.empty())
      ++others;
    else
      first = "it covers " + std::to_string(slices.second) + " of the " + std::to_string(slices.first) + " slices of " +
              quoted(name);
  }
  return first.empty() ? first : first + and_more(others, "tensor");
}

std::string output_note(catalog const& tensors, std::span<tensor_id const> ids) {
  if (has_head(tensors)) return {};
  auto const embedding = std::find_if(
      ids.begin(), ids.end(), [&](tensor_id id) { return is_token_embedding(without_slice(tensors[id].name)); });
  if (embedding == ids.end()) return "it covers the norm alone: no tensor has the name of an output";
  return "the model has no output tensor: its embedding " + quoted(without_slice(tensors[*embedding].name)) +
         " serves as one, and is pinned";
}

std::string last_note(catalog const& tensors, std::span<tensor_id const> ids, std::uint64_t asked) {
  std::set<std::uint64_t> all;
  std::set<std::uint64_t> covered;
  for (tensor_info const& each : tensors)
    if (auto const layer = layer_of(each.name)) all.insert(*layer);
  for (tensor_id const id : ids)
    if (auto const layer = layer_of(tensors[id].name)) covered.insert(*layer);
  if (covered.size() < asked)
    return "there are " + std::to_string(all.size()) + " layers, of which it covers " + std::to_string(covered.size());
  std::set<std::string> left;
  for (tensor_info const& each : tensors)
    if (layer_of(each.name)) left.insert(stack_of(each.name));
  for (tensor_id const id : ids) left.erase(stack_of(tensors[id].name));
  if (left.empty()) return {};
  return "it covers nothing of the layers of " + quoted(*left.begin()) + and_more(left.size() - 1, "stack of layers");
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
    bool const tied = !has_head(tensors);
    choose([tied](std::string_view name) {
      return named(output_names, name) || name == "model.norm.weight" || (tied && is_token_embedding(name));
    });
  } else if (glob_or_preset.starts_with("last:")) {
    auto const count = number_of(glob_or_preset.substr(5));
    if (!count || *count == 0)
      return failure{
          .code = errc::invalid_argument,
          .what = std::string("'").append(glob_or_preset) + "': last:N wants a number of layers, at least 1"};
    std::uint64_t layers = 0;
    for (tensor_info const& tensor : tensors)
      if (auto const layer = layer_of(tensor.name)) layers = std::max(layers, *layer + 1);
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

std::vector<std::string> pin_notes(catalog const& tensors, std::vector<std::string> const& globs_and_presets) {
  std::vector<std::string> notes;
  for (std::string const& each : globs_and_presets) {
    result<std::vector<tensor_id>> const ids = match_pins(tensors, each);
    if (!ids.ok() || (!is_preset(each) && tensors.find(each))) continue;
    std::string note;
    if (each == "output") {
      note = output_note(tensors, *ids);
    } else if (each.starts_with("last:")) {
      note = last_note(tensors, *ids, number_of(std::string_view(each).substr(5)).value_or(0));
    } else if (!is_preset(each)) {
      note = slices_left_out(tensors, *ids);
      bool const names_layers = each.find_first_of("0123456789") != std::string::npos;
      if (note.empty() && !names_layers) note = layers_left_out(tensors, *ids);
    }
    if (!note.empty()) notes.push_back("pin " + quoted(each) + ": " + note);
  }
  return notes;
}

}  // namespace tierpager
