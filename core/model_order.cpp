#include <core/model_order.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <core/tensor_names.hpp>

namespace tierpager {
namespace {

enum class stage : std::uint8_t { embedding, middle, last_norm, head };

stage stage_of(std::string_view part) {
  if (is_one_of(embedding_names, part)) return stage::embedding;
  if (is_one_of(last_norm_names, part)) return stage::last_norm;
  return is_one_of(head_names, part) ? stage::head : stage::middle;
}

// "12", or "layer12" and "layers_12" in the spelling of other frameworks.
std::optional<std::uint64_t> layer_number(std::string_view part) {
  std::size_t const digits = part.find_last_not_of("0123456789") + 1;  // 0 where there is nothing else
  std::string_view prefix = part.substr(0, digits);
  if (prefix.ends_with('_')) prefix.remove_suffix(1);
  if (digits != 0 && !is_one_of(layer_names, prefix)) return std::nullopt;
  return number_of(part.substr(digits));
}

// Where a part stands among those beside it.
struct rank {
  stage of = stage::middle;
  std::uint32_t begins = 0;  // the first tensor in the file that has it; of numbers, that has any of them
  std::uint64_t number = 0;
  friend bool operator<(rank const& left, rank const& right) {
    return std::tie(left.of, left.begins, left.number) < std::tie(right.of, right.begins, right.number);
  }
};

struct ranked_tensor {
  tensor_id id;
  std::vector<rank> parts;
};

std::vector<tensor_id> in_file_order(catalog const& tensors) {
  std::vector<tensor_id> ids;
  ids.reserve(tensors.size());
  for (std::uint32_t i = 0; i < tensors.size(); ++i) ids.push_back(tensor_id{i});
  std::stable_sort(ids.begin(), ids.end(), [&](tensor_id left, tensor_id right) {
    return std::tie(tensors[left].file, tensors[left].offset) < std::tie(tensors[right].file, tensors[right].offset);
  });
  return ids;
}

// The tree of modules, with what is needed of each: which tensor of the file it begins with.
class ranking {
 public:
  /// Tensors have to come in file order.
  ranked_tensor rank_of(tensor_id id, std::string_view name) {
    ranked_tensor made{.id = id, .parts = {}};
    bool in_layer = false;
    std::uint32_t parent = root;
    for (std::string_view const part : parts_of(without_slice(name))) {
      auto const number = layer_number(part);
      std::string_view const spelling = number ? part.substr(0, part.find_first_of("0123456789")) : part;
      made.parts.push_back({.of = in_layer || number ? stage::middle : stage_of(part),
                            .begins = find(parent, number ? "numbered" : "named", spelling).begins,
                            .number = number.value_or(0)});
      in_layer = in_layer || number.has_value();
      parent = find(parent, "child", part).id;
    }
    ++next_;
    return made;
  }

 private:
  struct module {
    std::uint32_t id;
    std::uint32_t begins;
  };
  static constexpr std::uint32_t root = 0;

  // A name may have thousands of parts, so that no key holds more than one of them.
  module find(std::uint32_t parent, std::string_view kind, std::string_view spelling) {
    std::string key = std::to_string(parent);
    key.append(kind).append(" ").append(spelling);
    module const made{.id = static_cast<std::uint32_t>(modules_.size() + 1), .begins = next_};
    return modules_.try_emplace(std::move(key), made).first->second;
  }

  std::unordered_map<std::string, module> modules_;
  std::uint32_t next_ = 0;
};

template <class Names>
bool has_part(std::string_view name, Names const& names) {
  for (std::string_view const part : parts_of(without_slice(name))) {
    if (layer_number(part)) return false;
    if (is_one_of(names, part)) return true;
  }
  return false;
}

bool has_layers(catalog const& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](tensor_info const& each) {
    auto const parts = parts_of(without_slice(each.name));
    return std::any_of(parts.begin(), parts.end(),
                       [](std::string_view part) { return layer_number(part).has_value(); });
  });
}

}  // namespace

std::vector<tensor_id> model_order(catalog const& tensors) {
  ranking ranks;
  std::vector<ranked_tensor> ranked;
  ranked.reserve(tensors.size());
  for (tensor_id const id : in_file_order(tensors)) ranked.push_back(ranks.rank_of(id, tensors[id].name));
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](ranked_tensor const& left, ranked_tensor const& right) { return left.parts < right.parts; });
  std::vector<tensor_id> order;
  order.reserve(ranked.size());
  for (ranked_tensor const& each : ranked) order.push_back(each.id);

  bool const has_head = std::any_of(tensors.begin(), tensors.end(),
                                    [](tensor_info const& each) { return has_part(each.name, head_names); });
  if (has_head || !has_layers(tensors)) return order;
  std::size_t const all = order.size();
  for (std::size_t i = 0; i < all; ++i)
    if (has_part(tensors[order[i]].name, token_embedding_names)) order.push_back(order[i]);
  return order;
}

}  // namespace tierpager
