#include <host/host_checksum.hpp>

#include <bit>
#include <cstddef>
#include <cstring>

#include <tierpager/checksum.hpp>

namespace tierpager {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

std::uint64_t host_checksum(std::span<std::byte const> data) {
  std::uint64_t const words = data.size() / 8;
  std::uint64_t const rest = data.size() % 8;
  std::uint64_t sum = checksum_mix(data.size());
  std::uint64_t word = 0;
  for (std::uint64_t position = 0; position < words; ++position) {
    std::memcpy(&word, data.data() + position * 8, sizeof word);
    sum += checksum_term(word, position);
  }
  if (rest != 0) {
    word = 0;
    std::memcpy(&word, data.data() + words * 8, rest);
    sum += checksum_term(word, words);
  }
  return sum;
}

}  // namespace tierpager
