// A little-endian cursor over the first bytes of a file whose whole size is known. A read that fails changes nothing
// and says which of two things is the matter: the prefix at hand is too short, or the file itself ends before that.
// Any thread, one at a time. Does no I/O and copies no text: strings are views into the prefix.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace tierpager {

/// A header reader's answer to a prefix that is too short: come back with at least so many bytes from the file's start.
struct more_needed {
  std::uint64_t bytes;
};

class byte_reader {
 public:
  byte_reader(std::span<std::byte const> prefix, std::uint64_t file_bytes) : prefix_(prefix), file_bytes_(file_bytes) {
    assert(prefix.size() <= file_bytes);
  }

  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// Bytes from here to the end of the file, in the prefix or not.
  [[nodiscard]] std::uint64_t left() const { return file_bytes_ - position_; }
  /// Bytes from here to the end of the prefix: what a caller may allocate for.
  [[nodiscard]] std::uint64_t at_hand() const { return position_ < prefix_.size() ? prefix_.size() - position_ : 0; }
  /// After a failed read: how long the prefix must be for it to succeed; 0 where the file is too short for that.
  [[nodiscard]] std::uint64_t needed_bytes() const { return needed_bytes_; }

  template <class Integer>
  [[nodiscard]] bool read(Integer& value) {
    static_assert(std::is_unsigned_v<Integer>);
    if (!have(sizeof(Integer))) return false;
    value = 0;
    for (std::size_t i = sizeof(Integer); i-- > 0;)
      value = static_cast<Integer>(static_cast<std::uint64_t>(value) << 8U |
                                   static_cast<std::uint64_t>(prefix_[position_ + i]));
    position_ += sizeof(Integer);
    return true;
  }

  [[nodiscard]] bool read(std::string_view& text, std::uint64_t bytes) {
    if (!have(bytes)) return false;
    text = {reinterpret_cast<char const*>(prefix_.data()) + position_, bytes};
    position_ += bytes;
    return true;
  }

  /// Passes over bytes that need not be at hand, but must be in the file.
  [[nodiscard]] bool skip(std::uint64_t bytes) {
    if (bytes > left()) return needed_bytes_ = 0, false;
    position_ += bytes;
    return true;
  }

 private:
  [[nodiscard]] bool have(std::uint64_t bytes) {
    if (bytes <= at_hand()) return true;
    needed_bytes_ = bytes <= left() ? position_ + bytes : 0;
    return false;
  }

  std::span<std::byte const> prefix_;
  std::uint64_t file_bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t needed_bytes_ = 0;
};

}  // namespace tierpager
