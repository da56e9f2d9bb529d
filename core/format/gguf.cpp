#include <core/format/gguf.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <core/format/dtype.hpp>
#include <core/format/key_values_builder.hpp>
#include <core/format/names.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t key_bytes_max = 65535;
constexpr std::uint64_t name_bytes_max = 65535;
constexpr std::uint64_t alignment_max = std::uint64_t{64} << 20U;
constexpr std::uint32_t dimensions_max = 4;
constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();  // elements, or bytes, of a tensor
// The shortest entries there can be: a key of one byte with a value of one; a name of one byte without dimensions.
constexpr std::uint64_t metadata_entry_bytes_min = 8 + 1 + 4 + 1;
constexpr std::uint64_t tensor_entry_bytes_min = 8 + 1 + 4 + 4 + 8;

enum value_type : std::uint32_t { uint32_value = 4, string_value = 8, array_value = 9, value_type_count = 13 };
constexpr std::array<std::uint8_t, value_type_count> value_bytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::array<bool, value_type_count> is_signed = {false, true,  false, true,  false, true,
                                                          false, false, false, false, false, true};
constexpr std::array<bool, value_type_count> is_integer = {true,  true,  true,  true,  true, true,
                                                           false, false, false, false, true, true};

/// Elements, were no dimension 0. The product must be known not to wrap.
std::uint64_t count_full(std::span<std::uint64_t const> shape) {
  std::uint64_t product = 1;
  for (std::uint64_t const dimension : shape) product *= std::max<std::uint64_t>(dimension, 1);
  return product;
}

// Every step returns false where it could not go on: either `why_` says what is wrong, or the reader ran out of bytes.
class gguf_parser {
 public:
  gguf_parser(std::span<std::byte const> prefix, std::uint64_t file_bytes)
      : prefix_(prefix),
        file_bytes_(file_bytes),
        start_(reinterpret_cast<char const*>(prefix.data())),
        in_(prefix, file_bytes) {}

  result<std::variant<gguf_header, more_needed>> parse() {
    if (preamble() && metadata() && tensors() && extents() && keep_metadata())
      return std::variant<gguf_header, more_needed>(std::move(out_));
    if (why_) return std::move(*why_);
    if (in_.needed_bytes() != 0) return std::variant<gguf_header, more_needed>(more_needed{in_.needed_bytes()});
    return failure{.code = errc::malformed_file, .what = "cut off inside the header", .byte = file_bytes_};
  }

 private:
  bool fail(std::string what, std::uint64_t byte, std::string_view tensor = {}) {
    why_ = failure{.code = errc::malformed_file, .what = std::move(what), .tensor = std::string(tensor), .byte = byte};
    return false;
  }

  [[nodiscard]] std::uint64_t byte_of(std::string_view text) const {
    return static_cast<std::uint64_t>(text.data() - start_);
  }

  bool preamble() {
    if (file_bytes_ == 0) return fail("the file is empty", 0);
    std::string_view magic;
    if (!in_.read(magic, 4)) return false;
    if (magic != "GGUF") return fail("does not start with GGUF", 0);
    std::uint64_t at = in_.position();
    if (!in_.read(out_.version)) return false;
    if (out_.version != 0 && (out_.version & 0xffffU) == 0) return fail("is big-endian, which is not supported", at);
    if (out_.version != 2 && out_.version != 3)
      return fail("has GGUF version " + std::to_string(out_.version) + "; 2 and 3 are supported", at);
    at = in_.position();
    if (!in_.read(tensor_count_)) return false;
    if (tensor_count_ > in_.left() / tensor_entry_bytes_min)
      return fail("promises more tensors than there are bytes for", at);
    at = in_.position();
    if (!in_.read(metadata_count_)) return false;
    if (metadata_count_ > in_.left() / metadata_entry_bytes_min)
      return fail("promises more metadata than there are bytes for", at);
    return true;
  }

  bool metadata() {
    std::vector<std::string_view> keys;
    keys.reserve(std::min(metadata_count_, in_.at_hand() / metadata_entry_bytes_min));
    values_.reserve(keys.capacity());
    metadata_at_ = in_.position();
    for (std::uint64_t i = 0; i < metadata_count_; ++i) {
      std::uint64_t const at = in_.position();
      std::uint64_t bytes = 0;
      if (!in_.read(bytes)) return false;
      if (bytes == 0) return fail("has an empty metadata key", at);
      if (bytes > key_bytes_max) return fail("has a metadata key longer than 65535 bytes", at);
      std::string_view key;
      if (!in_.read(key, bytes)) return false;
      if (auto const bad = find_invalid_utf8(key)) return fail("has a metadata key that is not UTF-8", at + 8 + *bad);
      keys.push_back(key);
      if (!metadata_value(key)) return false;
    }
    if (auto const twice = find_duplicate(keys)) return fail("has a metadata key twice", byte_of(keys[*twice]));
    metadata_end_ = in_.position();
    return true;
  }

  bool keep_metadata() {
    byte_reader section(prefix_, file_bytes_);
    std::string_view text;
    if (!section.skip(metadata_at_) || !section.read(text, metadata_end_ - metadata_at_)) {
      in_ = section;
      return false;
    }
    out_.metadata = std::move(values_).finish(text);
    return true;
  }

  bool metadata_value(std::string_view key) {
    std::uint64_t const at = in_.position();
    std::uint32_t type = 0;
    if (!in_.read(type)) return false;
    if (type >= value_type_count) return fail("has metadata of unknown type " + std::to_string(type), at);
    std::uint64_t const value_at = in_.position() - metadata_at_;
    metadata_type element_type = metadata_type::null;
    if (!pass_value(key, type, at, element_type)) return false;
    values_.place(byte_of(key) - metadata_at_, key.size(), value_at, static_cast<metadata_type>(type), element_type);
    return true;
  }

  bool pass_value(std::string_view key, std::uint32_t type, std::uint64_t at, metadata_type& element_type) {
    if (key == "general.alignment") return alignment(type, at);
    if (key == "split.no") return split_value(type, at, split().number, split().number_byte);
    if (key == "split.count") return split_value(type, at, split().count, split().count_byte);
    if (key == "split.tensors.count") return split_value(type, at, split().tensors.emplace(), split().tensors_byte);
    if (type == string_value) return skip_string();
    if (type == array_value) return skip_array(element_type);
    return in_.skip(value_bytes[type]);
  }

  gguf_split& split() { return out_.split ? *out_.split : out_.split.emplace(); }

  bool alignment(std::uint32_t type, std::uint64_t type_at) {
    if (type != uint32_value) return fail("general.alignment is not of type uint32", type_at);
    std::uint64_t const at = in_.position();
    std::uint32_t value = 0;
    if (!in_.read(value)) return false;
    if (value == 0 || (value & (value - 1)) != 0) return fail("general.alignment is not a power of two", at);
    if (value > alignment_max) return fail("general.alignment is above 64 MiB", at);
    out_.alignment = value;
    return true;
  }

  bool split_value(std::uint32_t type, std::uint64_t type_at, std::uint64_t& value, std::uint64_t& value_at) {
    if (!is_integer[type]) return fail("a split key is not an integer", type_at);
    value_at = in_.position();
    std::array<std::uint8_t, 8> bytes = {};
    for (std::size_t i = 0; i < value_bytes[type]; ++i)
      if (!in_.read(bytes[i])) return false;
    if (is_signed[type] && bytes[value_bytes[type] - 1U] >= 0x80) return fail("a split key is negative", value_at);
    value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8U | bytes[i];
    return true;
  }

  bool skip_string() {
    std::uint64_t const at = in_.position();
    std::uint64_t bytes = 0;
    if (!in_.read(bytes)) return false;
    if (bytes > in_.left()) return fail("has a string that runs past the end of the file", at);
    return in_.skip(bytes);
  }

  bool skip_array(metadata_type& element_type) {
    std::uint64_t at = in_.position();
    std::uint32_t type = 0;
    if (!in_.read(type)) return false;
    if (type >= value_type_count) return fail("has an array of unknown type " + std::to_string(type), at);
    if (type == array_value) return fail("has an array of arrays", at);
    element_type = static_cast<metadata_type>(type);
    at = in_.position();
    std::uint64_t count = 0;
    if (!in_.read(count)) return false;
    std::uint64_t const least = type == string_value ? 8 : value_bytes[type];
    if (count > in_.left() / least) return fail("has an array that runs past the end of the file", at);
    if (type != string_value) return in_.skip(count * least);
    for (std::uint64_t i = 0; i < count; ++i)
      if (!skip_string()) return false;
    return true;
  }

  bool tensors() {
    std::vector<std::string_view> names;
    auto const entries_at_hand = std::min(tensor_count_, in_.at_hand() / tensor_entry_bytes_min);
    names.reserve(entries_at_hand);
    out_.tensors.reserve(entries_at_hand);
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      std::string_view name;
      if (!tensor_name(name)) return false;
      names.push_back(name);
      if (!tensor_entry(name)) return false;
    }
    if (auto const twice = find_duplicate(names)) return fail("is there twice", byte_of(names[*twice]), names[*twice]);
    return true;
  }

  bool tensor_name(std::string_view& name) {
    std::uint64_t const at = in_.position();
    std::uint64_t bytes = 0;
    if (!in_.read(bytes)) return false;
    if (bytes == 0) return fail("has a tensor without a name", at);
    if (bytes > name_bytes_max) return fail("has a tensor name longer than 65535 bytes", at);
    if (!in_.read(name, bytes)) return false;
    if (name.find('\0') != std::string_view::npos)
      return fail("has a tensor name with a NUL byte", at + 8 + name.find('\0'));
    if (auto const bad = find_invalid_utf8(name)) return fail("has a tensor name that is not UTF-8", at + 8 + *bad);
    return true;
  }

  bool tensor_entry(std::string_view name) {
    std::uint64_t at = in_.position();
    std::uint32_t dimensions = 0;
    if (!in_.read(dimensions)) return false;
    if (dimensions > dimensions_max) return fail("has more than 4 dimensions", at, name);
    tensor_info info{.name = std::string(name), .dtype = {}, .shape = {}, .order = dimension_order::innermost_first};
    info.shape.resize(dimensions);
    std::uint64_t const shape_at = in_.position();
    for (std::uint64_t& dimension : info.shape) {
      at = in_.position();
      if (!in_.read(dimension)) return false;
      if (dimension > most) return fail("has a dimension of 2^63 or more", at, name);
    }
    auto const elements = count_elements(info.shape);
    if (!elements || *elements > most) return fail("has 2^63 elements or more", shape_at, name);

    at = in_.position();
    std::uint32_t type_number = 0;
    if (!in_.read(type_number)) return false;
    if (!size_of(info, type_number, *elements, {.shape = shape_at, .type = at})) return false;

    at = in_.position();
    if (!in_.read(info.offset)) return false;
    return place(std::move(info), *elements, at);
  }

  struct entry_bytes {
    std::uint64_t shape;
    std::uint64_t type;
  };

  bool size_of(tensor_info& info, std::uint32_t type_number, std::uint64_t elements, entry_bytes at) {
    if (is_newer_ggml_dtype(type_number)) {
      info.dtype = unknown_dtype_name(type_number);
      return true;
    }
    dtype_info const* const type = find_ggml_dtype(type_number);
    if (type == nullptr) {
      char const* const kind =
          is_removed_ggml_dtype(type_number) ? "is of a type that ggml removed, " : "is of unknown type ";
      return fail(kind + std::to_string(type_number), at.type, info.name);
    }
    std::uint64_t const row = info.shape.empty() ? 1 : info.shape.front();
    if (row % type->block_elements != 0)
      return fail("has a first dimension that is not a multiple of its type's block", at.shape, info.name);
    // An empty tensor is held to this too, as if it were not: readers that describe it as an array cannot do without.
    if (count_full(info.shape) / type->block_elements > most / type->block_bytes)
      return fail("has 2^63 bytes or more", at.shape, info.name);
    info.dtype = type->name;
    info.bytes = *count_bytes(*type, elements);
    return true;
  }

  // Tensors follow each other without a gap but for alignment, in the order of their entries. One of a type whose size is
  // not known ends where the next begins: padding cannot be told from its bytes.
  bool place(tensor_info info, std::uint64_t elements, std::uint64_t at) {
    if (info.offset % out_.alignment != 0) return fail("lies at an offset that is not aligned", at, info.name);
    if (std::exchange(end_is_open_, false)) {
      tensor_info& before = out_.tensors.back();
      if (info.offset <= before.offset) return fail("overlaps another tensor or is out of order", at, info.name);
      before.bytes = info.offset - before.offset;
      data_bytes_ = info.offset;
    }
    if (info.offset < data_bytes_) return fail("overlaps another tensor or is out of order", at, info.name);
    if (info.offset > data_bytes_) return fail("leaves a hole before it", at, info.name);
    std::uint64_t const padding = (out_.alignment - info.bytes % out_.alignment) % out_.alignment;
    if (__builtin_add_overflow(data_bytes_, info.bytes, &data_bytes_) ||
        __builtin_add_overflow(data_bytes_, padding, &data_bytes_))
      return fail("ends past 2^64 bytes", at, info.name);
    end_is_open_ = elements != 0 && is_unknown_dtype_name(info.dtype);
    out_.tensors.push_back(std::move(info));
    return true;
  }

  bool extents() {
    std::uint64_t const header_bytes = in_.position();
    out_.data_offset = round_up(header_bytes, out_.alignment);
    if (out_.tensors.empty()) return true;
    if (out_.data_offset > file_bytes_) return fail("ends before its tensors' bytes start", file_bytes_);
    std::uint64_t const room = file_bytes_ - out_.data_offset;
    if (tensor_info& last = out_.tensors.back(); end_is_open_) {
      if (last.offset >= room) return fail("lies past the end of the file", file_bytes_, last.name);
      last.bytes = room - last.offset;
    }
    for (tensor_info& info : out_.tensors) {
      if (info.offset > room || info.bytes > room - info.offset)
        return fail("lies past the end of the file", file_bytes_, info.name);
      info.offset += out_.data_offset;
    }
    return true;
  }

  std::span<std::byte const> prefix_;
  std::uint64_t file_bytes_;
  char const* start_;
  byte_reader in_;
  gguf_header out_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t metadata_count_ = 0;
  std::uint64_t metadata_at_ = 0;
  std::uint64_t metadata_end_ = 0;
  key_values_builder values_;
  std::uint64_t data_bytes_ = 0;  // of the tensors so far, padded
  bool end_is_open_ = false;      // of the last of them: where it ends is not known yet
  std::optional<failure> why_;
};

}  // namespace

result<std::variant<gguf_header, more_needed>> read_gguf(std::span<std::byte const> prefix, std::uint64_t file_bytes) {
  std::string_view const text(reinterpret_cast<char const*>(prefix.data()), prefix.size());
  if (is_lfs_pointer(text))
    return failure{
        .code = errc::malformed_file, .what = "is a Git LFS pointer, not the model it stands for", .byte = 0};
  return gguf_parser(prefix, file_bytes).parse();
}

}  // namespace tierpager
