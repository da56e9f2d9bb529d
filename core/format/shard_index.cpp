#include <core/format/shard_index.hpp>

#include <algorithm>
#include <map>

#include <core/format/json_events.hpp>
#include <core/format/names.hpp>

namespace tierpager {
namespace {

failure malformed(std::string what, std::uint64_t byte, std::string_view tensor = {}) {
  return {.code = errc::malformed_file, .what = std::move(what), .tensor = std::string(tensor), .byte = byte};
}

}  // namespace

class shard_index_listener final : public json_listener {
 public:
  status on(json_token const& token) override {
    switch (state_) {
      case state::start: return on_start(token);
      case state::root: return on_root(token);
      case state::root_value: return on_root_value(token);
      case state::weight_map: return on_weight_map(token);
      case state::weight: return on_weight(token);
      case state::unknown: return on_unknown(token);
    }
    return {};
  }

  result<shard_index> finish(std::uint64_t text_bytes) {
    if (!had_weight_map_) return malformed("has no weight_map", text_bytes);
    // Shards were numbered as they came; their final numbers follow their names.
    std::vector<std::uint32_t> sorted_number(shards_.size());
    built_.shards_.reserve(shards_.size());
    for (auto const& [name, number] : shards_) {
      sorted_number[number] = static_cast<std::uint32_t>(built_.shards_.size());
      built_.shards_.push_back(name);
    }
    auto& entries = built_.entries_;
    for (auto& each : entries) each.shard = sorted_number[each.shard];
    std::sort(entries.begin(), entries.end(), [this](auto const& left, auto const& right) {
      int const compared = built_.name_of(left).compare(built_.name_of(right));
      return compared != 0 ? compared < 0 : left.byte < right.byte;
    });
    auto const twice = std::adjacent_find(entries.begin(), entries.end(), [this](auto const& left, auto const& right) {
      return built_.name_of(left) == built_.name_of(right);
    });
    if (twice != entries.end()) return malformed("is there twice", std::next(twice)->byte, built_.name_of(*twice));
    return std::move(built_);
  }

 private:
  enum class state : std::uint8_t { start, root, root_value, weight_map, weight, unknown };

  status on_start(json_token const& token) {
    if (token.kind != json_kind::object_begin) return malformed("is not a JSON object", token.byte);
    state_ = state::root;
    return {};
  }

  status on_root(json_token const& token) {
    if (token.kind != json_kind::key) return {};  // the end
    is_weight_map_ = token.text == "weight_map";
    bool const is_metadata = token.text == "metadata";
    if ((is_weight_map_ && had_weight_map_) || (is_metadata && had_metadata_))
      return malformed("has a key twice", token.byte);
    had_weight_map_ = had_weight_map_ || is_weight_map_;
    had_metadata_ = had_metadata_ || is_metadata;
    state_ = state::root_value;
    return {};
  }

  status on_root_value(json_token const& token) {
    if (!is_weight_map_) {
      state_ = state::unknown;
      return on_unknown(token);
    }
    if (token.kind != json_kind::object_begin) return malformed("has a weight_map that is not an object", token.byte);
    state_ = state::weight_map;
    return {};
  }

  status on_weight_map(json_token const& token) {
    if (token.kind == json_kind::object_end) return state_ = state::root, status();
    if (token.text.find('\0') != std::string_view::npos)
      return malformed("has a tensor name with a NUL character", token.byte);
    built_.entries_.push_back({.name_at = static_cast<std::uint32_t>(built_.names_.size()),
                               .name_bytes = static_cast<std::uint32_t>(token.text.size()),
                               .shard = 0,
                               .byte = static_cast<std::uint32_t>(token.byte)});
    built_.names_ += token.text;
    state_ = state::weight;
    return {};
  }

  status on_weight(json_token const& token) {
    auto& entry = built_.entries_.back();
    auto const tensor = built_.name_of(entry);
    if (token.kind != json_kind::string) return malformed("has a shard that is not a string", token.byte, tensor);
    auto path = path_inside(token.text);
    if (!path) return malformed("has a shard that is no file of the model's folder", token.byte, tensor);
    if (last_ == shards_.end() || last_->first != *path) {
      last_ = shards_.find(*path);
      if (last_ == shards_.end()) {
        if (shards_.size() == shard_count_max) return malformed("has more than 100000 shards", token.byte, tensor);
        last_ = shards_.emplace(std::move(*path), static_cast<std::uint32_t>(shards_.size())).first;
      }
    }
    entry.shard = last_->second;
    state_ = state::weight_map;
    return {};
  }

  status on_unknown(json_token const& token) {
    if (token.kind == json_kind::object_begin || token.kind == json_kind::array_begin) ++unknown_depth_;
    if (token.kind == json_kind::object_end || token.kind == json_kind::array_end) --unknown_depth_;
    if (unknown_depth_ == 0) state_ = state::root;
    return {};
  }

  state state_ = state::start;
  bool is_weight_map_ = false;
  bool had_weight_map_ = false;
  bool had_metadata_ = false;
  std::uint32_t unknown_depth_ = 0;
  std::map<std::string, std::uint32_t, std::less<>> shards_;
  std::map<std::string, std::uint32_t, std::less<>>::iterator last_ = shards_.end();
  shard_index built_;
};

result<shard_index> shard_index::parse(std::string_view text) {
  if (is_lfs_pointer(text)) return malformed("is a Git LFS pointer, not the index it stands for", 0);
  if (text.size() > shard_index_bytes_max) return malformed("is an index above 100000000 bytes", shard_index_bytes_max);
  shard_index_listener listener;
  if (status const outcome = read_json(text, 0, listener); !outcome.ok()) return outcome.error();
  return listener.finish(text.size());
}

std::optional<std::size_t> shard_index::find(std::string_view name) const {
  auto const at =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [this](entry const& each, std::string_view sought) { return name_of(each) < sought; });
  if (at == entries_.end() || name_of(*at) != name) return std::nullopt;
  return static_cast<std::size_t>(at - entries_.begin());
}

}  // namespace tierpager
