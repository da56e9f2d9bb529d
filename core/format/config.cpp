#include <core/format/config.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <core/format/json_events.hpp>
#include <core/format/key_values_builder.hpp>

namespace tierpager {
namespace {

constexpr std::size_t bytes_per_byte_max = 4;  // keys are repeated for each of their members
constexpr std::size_t bytes_min = std::size_t{64} << 10U;

metadata_type type_of(json_token const& token) {
  switch (token.kind) {
    case json_kind::string: return metadata_type::string;
    case json_kind::boolean: return metadata_type::boolean;
    case json_kind::unsigned_integer: return metadata_type::uint64;
    case json_kind::negative_integer: return metadata_type::int64;
    case json_kind::real: return metadata_type::float64;
    default: return metadata_type::null;
  }
}

bool is_number(metadata_type type) {
  return type == metadata_type::uint64 || type == metadata_type::int64 || type == metadata_type::float64;
}

void append(std::string& encoded, metadata_type type, json_token const& token) {
  if (type == metadata_type::string) append_text(encoded, token.text);
  if (type == metadata_type::boolean) encoded.push_back(token.number != 0 ? '\1' : '\0');
  if (type == metadata_type::uint64 || type == metadata_type::int64) append_number(encoded, token.number);
  if (type == metadata_type::float64) append_number(encoded, std::bit_cast<std::uint64_t>(token.real));
}

/// The elements of an array so far, all of one type.
class array_elements {
 public:
  void add(json_token const& token) {
    metadata_type const type = type_of(token);
    if (count_++ == 0) type_ = type;
    if (type != type_ && is_number(type) && is_number(type_)) return add_number(token, type);
    if (type != type_ || type == metadata_type::null) is_mixed_ = true;
    if (!is_mixed_) append(encoded_, type, token);
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Something was there that is no plain value.
  void mix() { is_mixed_ = true; }

  void put(key_values_builder& into, std::string_view key) const {
    if (is_mixed_)
      into.add(key, metadata_type::null, {});
    else
      into.add_array(key, type_, count_, encoded_);
  }

 private:
  // JSON has one kind of number: what is not an integer makes all of them what it is.
  void add_number(json_token const& token, metadata_type type) {
    std::uint64_t const signed_max = std::numeric_limits<std::int64_t>::max();
    if (type_ != metadata_type::float64 && type != metadata_type::float64 &&
        largest_unsigned(token, type) <= signed_max) {
      type_ = metadata_type::int64;  // of the same bits
      return append(encoded_, type_, token);
    }
    make_real();
    json_token as_real = token;
    if (type == metadata_type::uint64) as_real.real = static_cast<double>(token.number);
    if (type == metadata_type::int64) as_real.real = static_cast<double>(static_cast<std::int64_t>(token.number));
    append(encoded_, metadata_type::float64, as_real);
  }

  [[nodiscard]] std::uint64_t number(std::size_t index) const {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8U | static_cast<unsigned char>(encoded_[8 * index + i]);
    return value;
  }

  [[nodiscard]] std::uint64_t largest_unsigned(json_token const& token, metadata_type type) const {
    std::uint64_t largest = type == metadata_type::uint64 ? token.number : 0;
    if (type_ != metadata_type::uint64) return largest;
    for (std::size_t i = 0; 8 * i < encoded_.size(); ++i) largest = std::max(largest, number(i));
    return largest;
  }

  void make_real() {
    if (type_ == metadata_type::float64) return;
    std::string real;
    for (std::size_t i = 0; 8 * i < encoded_.size(); ++i) {
      double const value = type_ == metadata_type::uint64 ? static_cast<double>(number(i))
                                                          : static_cast<double>(static_cast<std::int64_t>(number(i)));
      append_number(real, std::bit_cast<std::uint64_t>(value));
    }
    encoded_ = std::move(real);
    type_ = metadata_type::float64;
  }

  metadata_type type_ = metadata_type::null;
  std::uint64_t count_ = 0;
  std::string encoded_;
  bool is_mixed_ = false;
};

class config_listener final : public json_listener {
 public:
  key_values_builder built;

  explicit config_listener(std::size_t text_bytes) : bytes_max_(bytes_min + bytes_per_byte_max * text_bytes) {}

  status on(json_token const& token) override {
    switch (token.kind) {
      case json_kind::key: name_member(token.text); break;
      case json_kind::object_begin: open(false); break;
      case json_kind::array_begin: open(true); break;
      case json_kind::object_end:
      case json_kind::array_end: close(); break;
      default: add(token); break;
    }
    if (!starts_with_object_ || built.bytes() > bytes_max_)
      return failure{.code = errc::unsupported, .what = "is no object, or says too much"};
    return {};
  }

 private:
  /// An object, or an array, which is one value until it is found to hold other objects or arrays.
  struct level {
    std::size_t path_bytes;                  // of its own name, at the start of path_
    std::optional<array_elements> elements;  // of an array
    std::uint64_t index = 0;                 // of its next element
    bool is_array = false;
  };

  void name_member(std::string_view name) {
    path_.resize(levels_.back().path_bytes);
    if (!path_.empty()) path_ += '.';
    path_ += name;
  }

  void add(json_token const& token) {
    if (levels_.empty()) return;
    level& in = levels_.back();
    if (in.elements) return in.elements->add(token);
    if (in.is_array) name_member(std::to_string(in.index++));
    std::string encoded;
    append(encoded, type_of(token), token);
    built.add(path_, type_of(token), encoded);
  }

  void open(bool is_array) {
    if (levels_.empty()) {
      starts_with_object_ = !is_array;
    } else if (level& in = levels_.back(); in.is_array) {
      if (in.elements && in.elements->empty()) in.elements.reset();
      if (in.elements) in.elements->mix();
      name_member(std::to_string(in.index++));
    }
    levels_.push_back({.path_bytes = path_.size(), .elements = {}, .is_array = is_array});
    if (is_array) levels_.back().elements.emplace();
  }

  void close() {
    level const& ended = levels_.back();
    path_.resize(ended.path_bytes);
    if (ended.elements) ended.elements->put(built, path_);
    levels_.pop_back();
  }

  std::size_t bytes_max_;
  bool starts_with_object_ = false;
  std::string path_;
  std::vector<level> levels_;
};

}  // namespace

key_values read_config(std::string_view text) {
  config_listener listener(text.size());
  if (status const read = read_json(text, 0, listener); !read.ok()) return {};
  return std::move(listener.built).finish();
}

}  // namespace tierpager
