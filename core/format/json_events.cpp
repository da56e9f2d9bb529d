#include <core/format/json_events.hpp>

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include <core/format/names.hpp>

namespace tierpager {
namespace {

failure malformed(char const* what, std::uint64_t byte) {
  return {.code = errc::malformed_file, .what = what, .byte = byte};
}

// Receives the parser's events. The parser does not say where a token starts, so a second cursor walks over the text in
// step with the events: each event is one token, in order.
class event_receiver {
 public:
  event_receiver(std::string_view text, std::uint64_t first_byte, json_listener& listener)
      : text_(text), first_byte_(first_byte), listener_(listener) {}

  bool null() { return word({.kind = json_kind::null}); }
  bool boolean(bool value) { return word({.kind = json_kind::boolean, .number = value ? 1U : 0U}); }
  bool number_integer(nlohmann::json::number_integer_t value) {
    return word({.kind = json_kind::negative_integer, .number = static_cast<std::uint64_t>(value)});
  }
  bool number_unsigned(nlohmann::json::number_unsigned_t value) {
    return word({.kind = json_kind::unsigned_integer, .number = value});
  }
  bool number_float(nlohmann::json::number_float_t value, std::string const&) {
    return word({.kind = json_kind::real, .real = value});
  }
  bool string(std::string& text) { return quoted(json_kind::string, text); }
  bool binary(nlohmann::json::binary_t&) { return false; }  // not in JSON text
  bool start_object(std::size_t) { return open(json_kind::object_begin); }
  bool key(std::string& text) { return quoted(json_kind::key, text); }
  bool end_object() { return close(json_kind::object_end); }
  bool start_array(std::size_t) { return open(json_kind::array_begin); }
  bool end_array() { return close(json_kind::array_end); }
  bool parse_error(std::size_t characters_read, std::string const&, nlohmann::json::exception const&) {
    std::uint64_t const read = characters_read == 0 ? 0 : characters_read - 1;
    why_ = read >= text_.size() ? malformed("is cut off inside its JSON", first_byte_ + text_.size())
                                : malformed("is not JSON", first_byte_ + read);
    return false;
  }

  [[nodiscard]] failure why() && { return why_ ? std::move(*why_) : malformed("is not JSON", first_byte_); }

 private:
  void start_token() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n,:", at_), text_.size());
    token_ = at_;
  }

  bool word(json_token token) {
    start_token();
    at_ = std::min(text_.find_first_of(" \t\r\n,]}", at_), text_.size());
    return pass(token);
  }

  bool quoted(json_kind kind, std::string_view decoded) {
    start_token();
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
    return pass({.kind = kind, .text = decoded});
  }

  bool open(json_kind kind) {
    start_token();
    ++at_;
    if (++depth_ > json_depth_max) {
      why_ = malformed("is nested too deep", first_byte_ + token_);
      return false;
    }
    return pass({.kind = kind});
  }

  bool close(json_kind kind) {
    start_token();
    ++at_;
    --depth_;
    return pass({.kind = kind});
  }

  bool pass(json_token token) {
    token.byte = first_byte_ + token_;
    status outcome = listener_.on(token);
    if (outcome.ok()) return true;
    why_ = outcome.error();
    return false;
  }

  std::string_view text_;
  std::uint64_t first_byte_;
  json_listener& listener_;
  std::size_t at_ = 0;     // behind the last token
  std::size_t token_ = 0;  // where it started
  std::uint32_t depth_ = 0;
  std::optional<failure> why_;
};

}  // namespace

status read_json(std::string_view text, std::uint64_t first_byte, json_listener& listener) {
  // The parser would take a NUL byte for the end of the text, and pass over a byte order mark.
  if (auto const nul = text.find('\0'); nul != std::string_view::npos)
    return malformed("has a NUL byte in its JSON", first_byte + nul);
  if (auto const bad = find_invalid_utf8(text)) return malformed("has JSON that is not UTF-8", first_byte + *bad);
  if (text.starts_with("\xef\xbb\xbf")) return malformed("has a byte order mark before its JSON", first_byte);
  event_receiver receiver(text, first_byte, listener);
  if (nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &receiver)) return {};
  return std::move(receiver).why();
}

}  // namespace tierpager
