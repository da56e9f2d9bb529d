#include <core/format/safetensors.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>

#include <core/format/dtype.hpp>
#include <core/format/json_events.hpp>
#include <core/format/key_values_builder.hpp>
#include <core/format/names.hpp>

namespace tierpager {
namespace {

constexpr std::size_t dimensions_max = 64;

failure malformed(std::string what, std::uint64_t byte, std::string_view tensor = {}) {
  return {.code = errc::malformed_file, .what = std::move(what), .tensor = std::string(tensor), .byte = byte};
}

class header_listener final : public json_listener {
 public:
  // Offsets are still from the start of the data. In the order of the header, with the byte of each name.
  std::vector<tensor_info> tensors;
  std::vector<std::uint32_t> name_bytes;
  key_values_builder metadata;

  status on(json_token const& token) override {
    switch (state_) {
      case state::start: return on_start(token);
      case state::root: return on_root(token);
      case state::root_value: return on_root_value(token);
      case state::metadata: return on_metadata(token);
      case state::tensor: return on_tensor(token);
      case state::field: return on_field(token);
      case state::shape: return on_shape(token);
      case state::data_offsets: return on_data_offsets(token);
      case state::unknown: return on_unknown(token);
    }
    return {};
  }

 private:
  enum class state : std::uint8_t { start, root, root_value, metadata, tensor, field, shape, data_offsets, unknown };

  status on_start(json_token const& token) {
    if (token.kind != json_kind::object_begin) return malformed("has a header that is not a JSON object", token.byte);
    state_ = state::root;
    return {};
  }

  status on_root(json_token const& token) {
    if (token.kind != json_kind::key) return {};  // the end
    is_metadata_ = token.text == "__metadata__";
    if (is_metadata_ && had_metadata_) return malformed("has __metadata__ twice", token.byte);
    had_metadata_ = had_metadata_ || is_metadata_;
    if (auto const nul = token.text.find('\0'); nul != std::string_view::npos)
      return malformed("has a tensor name with a NUL character", token.byte);
    name_ = token.text;
    name_byte_ = token.byte;
    state_ = state::root_value;
    return {};
  }

  status on_root_value(json_token const& token) {
    if (is_metadata_ && token.kind == json_kind::null) return state_ = state::root, status();
    if (token.kind != json_kind::object_begin)
      return is_metadata_ ? malformed("has __metadata__ that is not an object", token.byte)
                          : malformed("is not described by an object", token.byte, name_);
    dtype_ = nullptr;
    had_shape_ = had_data_offsets_ = false;
    state_ = is_metadata_ ? state::metadata : state::tensor;
    return {};
  }

  status on_metadata(json_token const& token) {
    if (token.kind == json_kind::object_end) {
      state_ = state::root;
    } else if (token.kind == json_kind::key) {
      name_ = token.text;
    } else if (token.kind == json_kind::string) {
      field_.clear();
      append_text(field_, token.text);
      metadata.add(name_, metadata_type::string, field_);
    } else {
      return malformed("has __metadata__ with a value that is not a string", token.byte);
    }
    return {};
  }

  status on_tensor(json_token const& token) {
    if (token.kind == json_kind::object_end) return finish();
    bool const again = (token.text == "dtype" && dtype_ != nullptr) || (token.text == "shape" && had_shape_) ||
                       (token.text == "data_offsets" && had_data_offsets_);
    if (again) return malformed("has a field twice", token.byte, name_);
    field_ = token.text;
    state_ = state::field;
    return {};
  }

  status on_field(json_token const& token) {
    if (field_ == "dtype") return on_dtype(token);
    if (field_ == "shape") {
      if (token.kind != json_kind::array_begin) return malformed("has a shape that is not an array", token.byte, name_);
      had_shape_ = true;
      shape_byte_ = token.byte;
      dimensions_ = 0;
      state_ = state::shape;
      return {};
    }
    if (field_ == "data_offsets") {
      if (token.kind != json_kind::array_begin)
        return malformed("has data_offsets that are not an array", token.byte, name_);
      had_data_offsets_ = true;
      data_offsets_byte_ = token.byte;
      data_offset_count_ = 0;
      state_ = state::data_offsets;
      return {};
    }
    // The reference reader passes over fields it does not know.
    state_ = state::unknown;
    return on_unknown(token);
  }

  status on_dtype(json_token const& token) {
    if (token.kind != json_kind::string) return malformed("has a dtype that is not a string", token.byte, name_);
    dtype_ = find_safetensors_dtype(token.text);
    if (dtype_ == nullptr) return malformed("has an unknown dtype", token.byte, name_);
    state_ = state::tensor;
    return {};
  }

  status on_shape(json_token const& token) {
    if (token.kind == json_kind::array_end) return state_ = state::tensor, status();
    if (token.kind != json_kind::unsigned_integer)
      return malformed("has a dimension that is not an integer from 0 to 2^64-1", token.byte, name_);
    if (dimensions_ == dimensions_max) return malformed("has more than 64 dimensions", token.byte, name_);
    shape_[dimensions_++] = token.number;
    return {};
  }

  status on_data_offsets(json_token const& token) {
    if (token.kind == json_kind::array_end) {
      if (data_offset_count_ != 2) return malformed("has data_offsets that are not a pair", data_offsets_byte_, name_);
      state_ = state::tensor;
      return {};
    }
    if (token.kind != json_kind::unsigned_integer)
      return malformed("has a data offset that is not an integer from 0 to 2^64-1", token.byte, name_);
    if (data_offset_count_ == 2) return malformed("has data_offsets that are not a pair", data_offsets_byte_, name_);
    data_offsets_[data_offset_count_++] = token.number;
    return {};
  }

  status on_unknown(json_token const& token) {
    if (token.kind == json_kind::object_begin || token.kind == json_kind::array_begin) ++unknown_depth_;
    if (token.kind == json_kind::object_end || token.kind == json_kind::array_end) --unknown_depth_;
    if (unknown_depth_ == 0) state_ = state::tensor;
    return {};
  }

  status finish() {
    if (dtype_ == nullptr) return malformed("has no dtype", name_byte_, name_);
    if (!had_shape_) return malformed("has no shape", name_byte_, name_);
    if (!had_data_offsets_) return malformed("has no data_offsets", name_byte_, name_);
    std::span<std::uint64_t const> const shape(shape_.data(), dimensions_);
    auto const elements = count_elements(shape);
    if (!elements) return malformed("has more than 2^64 elements", shape_byte_, name_);
    if (*elements % dtype_->block_elements != 0) return malformed("does not fill whole bytes", shape_byte_, name_);
    auto const bytes = count_bytes(*dtype_, *elements);
    if (!bytes) return malformed("has more than 2^64 bytes", shape_byte_, name_);
    if (data_offsets_[0] > data_offsets_[1])
      return malformed("has data_offsets that are reversed", data_offsets_byte_, name_);
    if (data_offsets_[1] - data_offsets_[0] != *bytes)
      return malformed("has data_offsets that do not span its shape and dtype", data_offsets_byte_, name_);
    tensors.push_back({.name = name_,
                       .dtype = std::string(dtype_->name),
                       .shape = {shape.begin(), shape.end()},
                       .offset = data_offsets_[0],
                       .bytes = *bytes});
    name_bytes.push_back(static_cast<std::uint32_t>(name_byte_));
    state_ = state::root;
    return {};
  }

  state state_ = state::start;
  bool is_metadata_ = false;
  bool had_metadata_ = false;
  bool had_shape_ = false;
  bool had_data_offsets_ = false;
  std::string name_;
  std::string field_;
  dtype_info const* dtype_ = nullptr;
  std::array<std::uint64_t, dimensions_max> shape_ = {};
  std::size_t dimensions_ = 0;
  std::array<std::uint64_t, 2> data_offsets_ = {};
  std::size_t data_offset_count_ = 0;
  std::uint64_t name_byte_ = 0;
  std::uint64_t shape_byte_ = 0;
  std::uint64_t data_offsets_byte_ = 0;
  std::uint32_t unknown_depth_ = 0;
};

status refuse_duplicates(header_listener const& header) {
  std::vector<std::string_view> names;
  names.reserve(header.tensors.size());
  for (tensor_info const& each : header.tensors) names.emplace_back(each.name);
  auto const twice = find_duplicate(names);
  if (!twice) return {};
  return malformed("is there twice", header.name_bytes[*twice], names[*twice]);
}

// Together the tensors must cover the data exactly, each byte once.
result<std::vector<tensor_info>> place(header_listener& header, std::uint64_t data_offset, std::uint64_t file_bytes,
                                       trailing_bytes trailing) {
  std::vector<tensor_info>& tensors = header.tensors;
  std::uint64_t const room = file_bytes - data_offset;
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    tensor_info const& a = tensors[left];
    tensor_info const& b = tensors[right];
    if (a.offset != b.offset) return a.offset < b.offset;
    return a.bytes != b.bytes ? a.bytes < b.bytes : left < right;
  });
  std::vector<tensor_info> placed;
  placed.reserve(tensors.size());
  std::uint64_t end = 0;
  for (std::uint32_t const index : order) {
    tensor_info& info = tensors[index];
    if (info.offset < end) return malformed("overlaps another tensor", header.name_bytes[index], info.name);
    if (info.offset > room || info.bytes > room - info.offset)
      return malformed("lies past the end of the file", header.name_bytes[index], info.name);
    if (info.offset > end) return malformed("leaves a hole before it", header.name_bytes[index], info.name);
    end = info.offset + info.bytes;
    info.offset += data_offset;
    placed.push_back(std::move(info));
  }
  if (end != room && trailing == trailing_bytes::refuse)
    return malformed("has " + std::to_string(room - end) + " bytes behind its last tensor", data_offset + end);
  return placed;
}

}  // namespace

result<std::variant<safetensors_header, more_needed>> read_safetensors(std::span<std::byte const> prefix,
                                                                       std::uint64_t file_bytes,
                                                                       trailing_bytes trailing) {
  using answer = std::variant<safetensors_header, more_needed>;
  std::string_view const text(reinterpret_cast<char const*>(prefix.data()), prefix.size());
  if (is_lfs_pointer(text)) return malformed("is a Git LFS pointer, not the model it stands for", 0);
  byte_reader in(prefix, file_bytes);
  std::uint64_t header_bytes = 0;
  if (!in.read(header_bytes)) {
    if (in.needed_bytes() != 0) return answer(more_needed{in.needed_bytes()});
    return malformed("is shorter than the 8 bytes of a header length", file_bytes);
  }
  if (header_bytes > safetensors_header_bytes_max) return malformed("has a header length above 100000000", 0);
  if (header_bytes > in.left()) return malformed("has a header length above the file's own", 0);
  std::string_view json;
  if (!in.read(json, header_bytes)) return answer(more_needed{in.needed_bytes()});
  header_listener header;
  if (status const outcome = read_json(json, 8, header); !outcome.ok()) return outcome.error();
  if (status const outcome = refuse_duplicates(header); !outcome.ok()) return outcome.error();
  auto placed = place(header, in.position(), file_bytes, trailing);
  if (!placed.ok()) return placed.error();
  return answer(
      safetensors_header{.tensors = std::move(placed).value(), .metadata = std::move(header.metadata).finish()});
}

}  // namespace tierpager
