#include <tierpager/error.hpp>

#include <string_view>

namespace tierpager {
namespace {

class category final : public std::error_category {
 public:
  [[nodiscard]] char const* name() const noexcept override { return "tierpager"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::malformed_file: return "malformed file";
      case errc::unsupported: return "unsupported";
      case errc::file_not_found: return "file not found";
      case errc::read_failed: return "read failed";
      case errc::file_truncated: return "file truncated";
      case errc::file_changed: return "file changed";
      case errc::unknown_tensor: return "unknown tensor";
      case errc::out_of_range: return "out of range";
      case errc::budget_too_small: return "budget too small";
      case errc::invalid_argument: return "invalid argument";
      case errc::out_of_memory: return "out of memory";
      case errc::device_failed: return "device call failed";
      case errc::device_lost: return "device lost";
      case errc::cancelled: return "cancelled";
      case errc::timed_out: return "timed out";
      case errc::closed: return "closed";
      case errc::would_wait: return "would wait";
      case errc::blocked_by_handles: return "blocked by handles";
      case errc::would_deadlock: return "would deadlock";
    }
    return "unknown error " + std::to_string(code);
  }
};

// Names come from files and may hold anything; a line stays a line, and a terminal is not told what to do.
std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string safe;
  for (char const each : text) {
    auto const code = static_cast<unsigned char>(each);
    if (code >= 0x20 && code != 0x7f) {
      safe += each;
    } else {
      safe += "\\x";
      safe += digits[code >> 4U];
      safe += digits[code & 0xfU];
    }
  }
  return safe;
}

}  // namespace

std::error_category const& error_category() noexcept {
  static category const the_category;
  return the_category;
}

std::string failure::describe() const {
  std::string line;
  if (!file.empty()) line += printable(file) + ": ";
  if (!tensor.empty()) line += "tensor '" + printable(tensor) + "': ";
  line += what.empty() ? make_error_code(code).message() : printable(what);
  if (system_error != 0) line += " (" + std::generic_category().message(system_error) + ")";
  if (byte) line += ", at byte " + std::to_string(*byte);
  return line;
}

error::error(failure what)
    : std::system_error(make_error_code(what.code)), details_(std::move(what)), line_(details_.describe()) {}

}  // namespace tierpager
