#include <tierpager/checksum.hpp>

namespace tierpager {

void checksum_accumulator::add(std::span<std::byte const> piece) {
  std::size_t at = 0;
  while (at < piece.size() && bytes_ % 8 != 0) {
    partial_ |= static_cast<std::uint64_t>(piece[at++]) << (8 * (bytes_ % 8));
    if (++bytes_ % 8 == 0) {
      sum_ += checksum_term(partial_, bytes_ / 8 - 1);
      partial_ = 0;
    }
  }
  for (; at + 8 <= piece.size(); at += 8, bytes_ += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 8; i-- > 0;) word = word << 8U | static_cast<std::uint64_t>(piece[at + i]);
    sum_ += checksum_term(word, bytes_ / 8);
  }
  for (; at < piece.size(); ++at, ++bytes_) partial_ |= static_cast<std::uint64_t>(piece[at]) << (8 * (bytes_ % 8));
}

std::uint64_t checksum_accumulator::value() const {
  std::uint64_t const tail = bytes_ % 8 == 0 ? 0 : checksum_term(partial_, bytes_ / 8);
  return sum_ + tail + checksum_mix(bytes_);
}

}  // namespace tierpager
