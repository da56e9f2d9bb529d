// The position-weighted checksum that `verify` computes on the device and on the file. Pure; any thread.
// Sum modulo 2^64 over the little-endian 64-bit words w_i (the last one zero-padded) of mix(w_i + (i + 1) * 2^64/phi),
// plus mix(bytes): each word's position enters its term, so swapped blocks differ, and terms add in any order, so a
// parallel reduction gives the same value. mix is the finaliser of MurmurHash3 (fmix64).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tierpager/export.hpp>

#if defined(__CUDACC__)
#define TIERPAGER_HOST_DEVICE __host__ __device__
#else
#define TIERPAGER_HOST_DEVICE
#endif

namespace tierpager {

/// Spreads every bit of a word over all of it.
TIERPAGER_HOST_DEVICE constexpr std::uint64_t checksum_mix(std::uint64_t word) {
  word ^= word >> 33U;
  word *= 0xff51afd7ed558ccdULL;
  word ^= word >> 33U;
  word *= 0xc4ceb9fe1a85ec53ULL;
  word ^= word >> 33U;
  return word;
}

/// One word's term of the sum; `position` counts words from the tensor's start.
TIERPAGER_HOST_DEVICE constexpr std::uint64_t checksum_term(std::uint64_t word, std::uint64_t position) {
  return checksum_mix(word + (position + 1) * 0x9e3779b97f4a7c15ULL);
}

/// Sums a stream of bytes on the CPU, piece by piece, in order: what the file is held against.
class TIERPAGER_EXPORT checksum_accumulator {
 public:
  /// Adds the bytes that follow those added so far. Pieces of any size.
  void add(std::span<std::byte const> piece);
  /// The checksum of all bytes so far; more may follow.
  [[nodiscard]] std::uint64_t value() const;

 private:
  std::uint64_t sum_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t partial_ = 0;  // the bytes of a word not yet complete
};

}  // namespace tierpager
