#include <core/format/manifest.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <core/format/dtype.hpp>
#include <core/format/json_events.hpp>
#include <core/format/names.hpp>

namespace tierpager {
namespace {

constexpr std::size_t dimensions_max = 64;

failure malformed(std::string what, std::uint64_t byte, std::string_view tensor = {}) {
  return {.code = errc::malformed_file, .what = std::move(what), .tensor = std::string(tensor), .byte = byte};
}

enum field : std::uint8_t { name_field, file_field, offset_field, bytes_field, dtype_field, shape_field, field_count };
constexpr std::array<std::string_view, field_count> field_names = {"name", "file", "offset", "bytes", "dtype", "shape"};

class manifest_listener final : public json_listener {
 public:
  manifest read;
  std::vector<std::uint32_t> tensor_bytes;  // where each tensor's object starts
  bool had_tensors = false;

  status on(json_token const& token) override {
    switch (state_) {
      case state::start: return on_start(token);
      case state::root: return on_root(token);
      case state::root_value: return on_root_value(token);
      case state::tensors: return on_tensors(token);
      case state::tensor: return on_tensor(token);
      case state::value: return on_value(token);
      case state::shape: return on_shape(token);
      case state::unknown: return on_unknown(token);
    }
    return {};
  }

 private:
  enum class state : std::uint8_t { start, root, root_value, tensors, tensor, value, shape, unknown };

  [[nodiscard]] failure wrong(std::string what, std::uint64_t byte) const {
    return malformed(std::move(what), byte, info_.name);
  }

  status on_start(json_token const& token) {
    if (token.kind != json_kind::object_begin) return malformed("is not a JSON object", token.byte);
    state_ = state::root;
    return {};
  }

  status on_root(json_token const& token) {
    if (token.kind != json_kind::key) return {};  // the end
    is_tensors_ = token.text == "tensors";
    if (is_tensors_ && had_tensors) return malformed("has a key twice", token.byte);
    had_tensors = had_tensors || is_tensors_;
    state_ = state::root_value;
    return {};
  }

  status on_root_value(json_token const& token) {
    if (!is_tensors_) return skip(token, state::root);
    if (token.kind != json_kind::array_begin) return malformed("has tensors that are not an array", token.byte);
    state_ = state::tensors;
    return {};
  }

  status on_tensors(json_token const& token) {
    if (token.kind == json_kind::array_end) return state_ = state::root, status();
    if (token.kind != json_kind::object_begin) return malformed("has a tensor that is not an object", token.byte);
    info_ = {};
    start_byte_ = token.byte;
    field_bytes_ = {};
    state_ = state::tensor;
    return {};
  }

  status on_tensor(json_token const& token) {
    if (token.kind == json_kind::object_end) return finish();
    auto const* const known = std::find(field_names.begin(), field_names.end(), token.text);
    field_ = static_cast<field>(known - field_names.begin());
    if (field_ != field_count && field_bytes_[field_]) return wrong("has a field twice", token.byte);
    state_ = state::value;
    return {};
  }

  status on_value(json_token const& token) {
    if (field_ == field_count) return skip(token, state::tensor);
    bool const is_text = field_ == name_field || field_ == file_field || field_ == dtype_field;
    json_kind const expected = is_text                 ? json_kind::string
                               : field_ == shape_field ? json_kind::array_begin
                                                       : json_kind::unsigned_integer;
    if (token.kind != expected)
      return wrong("has a field '" + std::string(field_names[field_]) + "' of the wrong kind", token.byte);
    field_bytes_[field_] = token.byte;
    state_ = field_ == shape_field ? state::shape : state::tensor;
    switch (field_) {
      case name_field: return on_name(token);
      case file_field: return on_file(token);
      case dtype_field: info_.dtype = token.text; break;
      case offset_field: info_.offset = token.number; break;
      case bytes_field: info_.bytes = token.number; break;
      case shape_field: dimensions_ = 0; break;
      case field_count: break;
    }
    return {};
  }

  status on_name(json_token const& token) {
    if (token.text.find('\0') != std::string_view::npos)
      return malformed("has a tensor name with a NUL character", token.byte);
    info_.name = token.text;
    return {};
  }

  status on_file(json_token const& token) {
    if (!is_plain_file_name(token.text)) return wrong("has a file that is not a plain file name", token.byte);
    if (last_ == files_.end() || last_->first != token.text) {
      last_ = files_.find(token.text);
      if (last_ == files_.end()) {
        last_ = files_.emplace(token.text, static_cast<std::uint32_t>(files_.size())).first;
        read.files.emplace_back(token.text);
      }
    }
    info_.file = last_->second;
    return {};
  }

  status on_shape(json_token const& token) {
    if (token.kind == json_kind::array_end) return state_ = state::tensor, status();
    if (token.kind != json_kind::unsigned_integer)
      return wrong("has a dimension that is not an integer from 0 to 2^64-1", token.byte);
    if (dimensions_ == dimensions_max) return wrong("has more than 64 dimensions", token.byte);
    shape_[dimensions_++] = token.number;
    return {};
  }

  status finish() {
    for (std::size_t i = 0; i < field_count; ++i)
      if (!field_bytes_[i]) return wrong("has no '" + std::string(field_names[i]) + "'", start_byte_);
    info_.shape.assign(shape_.begin(), shape_.begin() + static_cast<std::ptrdiff_t>(dimensions_));
    auto const elements = count_elements(info_.shape);
    if (!elements) return wrong("has more than 2^64 elements", *field_bytes_[shape_field]);
    if (dtype_info const* const type = find_dtype(info_.dtype))
      if (count_bytes(*type, *elements) != info_.bytes)
        return wrong("has bytes that do not agree with its shape and dtype", *field_bytes_[bytes_field]);
    if (info_.offset + info_.bytes < info_.offset) return wrong("ends past 2^64 bytes", *field_bytes_[offset_field]);
    read.tensors.push_back(std::move(info_));
    tensor_bytes.push_back(static_cast<std::uint32_t>(*field_bytes_[name_field]));
    state_ = state::tensors;
    return {};
  }

  status skip(json_token const& token, state then) {
    after_unknown_ = then;
    state_ = state::unknown;
    return on_unknown(token);
  }

  status on_unknown(json_token const& token) {
    if (token.kind == json_kind::object_begin || token.kind == json_kind::array_begin) ++unknown_depth_;
    if (token.kind == json_kind::object_end || token.kind == json_kind::array_end) --unknown_depth_;
    if (unknown_depth_ == 0) state_ = after_unknown_;
    return {};
  }

  state state_ = state::start;
  state after_unknown_ = state::start;
  bool is_tensors_ = false;
  std::uint32_t unknown_depth_ = 0;
  tensor_info info_;
  field field_ = field_count;
  std::uint64_t start_byte_ = 0;
  std::array<std::optional<std::uint64_t>, field_count> field_bytes_ = {};
  std::array<std::uint64_t, dimensions_max> shape_ = {};
  std::size_t dimensions_ = 0;
  std::map<std::string, std::uint32_t, std::less<>> files_;
  std::map<std::string, std::uint32_t, std::less<>>::iterator last_ = files_.end();
};

}  // namespace

result<manifest> read_manifest(std::string_view text) {
  if (is_lfs_pointer(text)) return malformed("is a Git LFS pointer, not the manifest it stands for", 0);
  if (text.size() > manifest_bytes_max) return malformed("is a manifest above 100000000 bytes", manifest_bytes_max);
  manifest_listener listener;
  if (status const outcome = read_json(text, 0, listener); !outcome.ok()) return outcome.error();
  if (!listener.had_tensors) return malformed("has no tensors: it is no raw manifest", text.size());
  auto& tensors = listener.read.tensors;
  {
    std::vector<std::string_view> names;
    names.reserve(tensors.size());
    for (tensor_info const& each : tensors) names.emplace_back(each.name);
    if (auto const twice = find_duplicate(names))
      return malformed("is there twice", listener.tensor_bytes[*twice], names[*twice]);
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](tensor_info const& left, tensor_info const& right) {
    return left.file != right.file ? left.file < right.file : left.offset < right.offset;
  });
  return std::move(listener.read);
}

}  // namespace tierpager
