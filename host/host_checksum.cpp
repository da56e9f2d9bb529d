#include <host/host_checksum.hpp>

#include <bit>
#include <cstddef>
#include <cstring>

#include <thrust/execution_policy.h>
#include <thrust/functional.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/transform_reduce.h>

#include <tierpager/checksum.hpp>

namespace tierpager {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

struct whole_word_term {
  std::byte const* data;

  std::uint64_t operator()(std::uint64_t position) const {
    std::uint64_t word = 0;
    std::memcpy(&word, data + position * 8, sizeof word);
    return checksum_term(word, position);
  }
};

}  // namespace

std::uint64_t host_checksum(std::span<std::byte const> data) {
  auto const first = thrust::make_counting_iterator(std::uint64_t{0});
  std::uint64_t const words = data.size() / 8;
  std::uint64_t const rest = data.size() % 8;
  std::uint64_t ends = checksum_mix(data.size());
  if (rest != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + words * 8, rest);
    ends += checksum_term(word, words);
  }
  return thrust::transform_reduce(thrust::device, first, first + static_cast<std::ptrdiff_t>(words),
                                  whole_word_term{data.data()}, ends, thrust::plus<std::uint64_t>());
}

}  // namespace tierpager
