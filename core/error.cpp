#include <tierpager/error.hpp>

#include <core/printable.hpp>

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
      case errc::unknown_key: return "unknown metadata key";
    }
    return "unknown error " + std::to_string(code);
  }
};

// Paths may be longer than names; a line that names several tensors, too.
constexpr std::size_t file_bytes_max = 4608;
constexpr std::size_t tensor_bytes_max = 256;
constexpr std::size_t what_bytes_max = 2048;

}  // namespace

std::error_category const& error_category() noexcept {
  static category const the_category;
  return the_category;
}

std::string failure::describe() const {
  std::string line;
  if (!file.empty()) line += shortened(printable(file), file_bytes_max) + ": ";
  if (!tensor.empty()) line += "tensor '" + shortened(printable(tensor), tensor_bytes_max) + "': ";
  line += what.empty() ? make_error_code(code).message() : shortened(printable(what), what_bytes_max);
  if (system_error != 0) line += " (" + std::generic_category().message(system_error) + ")";
  if (byte) line += ", at byte " + std::to_string(*byte);
  return line;
}

error::error(failure what)
    : std::system_error(make_error_code(what.code)), details_(std::move(what)), line_(details_.describe()) {}

}  // namespace tierpager
