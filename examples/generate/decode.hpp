// The types of weights that Llama-family GGUF files come in, and how 32 consecutive weights of a row become floats: one
// function for the CPU and for CUDA kernels. The layouts are those of ggml's `block_*` structures; all numbers little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tierpager/checksum.hpp>  // TIERPAGER_HOST_DEVICE

namespace generate {

enum class weight_type : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k };

inline constexpr std::uint32_t group_weights = 32;

/// A matrix of the model where it lies: rows one behind the other, each of `columns` weights, a multiple of 32.
struct matrix {
  std::byte const* data = nullptr;
  weight_type type = weight_type::f32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

template <class T>
TIERPAGER_HOST_DEVICE inline T read_as(std::byte const* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

TIERPAGER_HOST_DEVICE inline std::uint32_t byte_at(std::byte const* from, std::uint32_t i) {
  return static_cast<std::uint8_t>(from[i]);
}

// Half precision; infinities and NaN, which no weight is, come out as large numbers. No float on the way is subnormal: to
// multiply with those takes processors a hundred cycles, and the scales of small weights are subnormal halves.
TIERPAGER_HOST_DEVICE inline float from_half(std::uint32_t bits) {
  constexpr std::uint32_t bias = (127 - 15) << 23U;
  constexpr float smallest = 1.0F / (1U << 24U);
  float const normal = __builtin_bit_cast(float, ((bits & 0x7fffU) << 13U) + bias);
  float const subnormal = static_cast<float>(static_cast<std::int32_t>(bits & 0x3ffU)) * smallest;
  float const magnitude = (bits & 0x7c00U) != 0 ? normal : subnormal;
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

TIERPAGER_HOST_DEVICE inline float half(std::byte const* from) { return from_half(read_as<std::uint16_t>(from)); }

/// So many weights lie together, in so many bytes.
struct block_size {
  std::uint32_t weights, bytes;
};

TIERPAGER_HOST_DEVICE constexpr block_size block_of(weight_type type) {
  constexpr block_size blocks[] = {{1, 4}, {1, 2}, {1, 2}, {32, 34}, {32, 18}, {32, 20}, {256, 144}, {256, 210}};
  return blocks[static_cast<std::uint8_t>(type)];
}

TIERPAGER_HOST_DEVICE constexpr std::uint64_t row_bytes(weight_type type, std::uint32_t columns) {
  return std::uint64_t{columns} / block_of(type).weights * block_of(type).bytes;
}

// One of the eight 6-bit scales, or with `offset` 4 of the minima, that a Q4_K block packs into 12 bytes.
TIERPAGER_HOST_DEVICE inline float q4_k_scale(std::byte const* packed, std::uint32_t group, std::uint32_t offset) {
  if (group < 4) return static_cast<float>(byte_at(packed, group + offset) & 63U);
  std::uint32_t const low = byte_at(packed, group + 4) >> offset & 15U;
  return static_cast<float>(low | byte_at(packed, group - 4 + offset) >> 6U << 4U);
}

/// Group `group` of the row at `row`: its weights 32 * group to 32 * group + 31.
template <weight_type Type>
TIERPAGER_HOST_DEVICE inline void decode(std::byte const* row, std::uint32_t group, float* out) {
  constexpr std::uint32_t block_bytes = block_of(Type).bytes;
  constexpr std::uint32_t half_group = group_weights / 2;
  if constexpr (Type == weight_type::f32) {
    std::memcpy(out, row + std::size_t{group} * group_weights * sizeof(float), group_weights * sizeof(float));
  } else if constexpr (Type == weight_type::f16 || Type == weight_type::bf16) {
    std::uint16_t bits[group_weights];
    std::memcpy(bits, row + std::size_t{group} * sizeof(bits), sizeof(bits));
    for (std::uint32_t i = 0; i < group_weights; ++i)
      out[i] = Type == weight_type::f16 ? from_half(bits[i]) : __builtin_bit_cast(float, std::uint32_t{bits[i]} << 16U);
  } else if constexpr (Type == weight_type::q8_0) {
    std::byte const* const block = row + std::size_t{group} * block_bytes;
    float const scale = half(block);
    for (std::uint32_t i = 0; i < group_weights; ++i)
      out[i] = scale * static_cast<float>(read_as<std::int8_t>(block + 2 + i));
  } else if constexpr (Type == weight_type::q4_0 || Type == weight_type::q4_1) {
    std::byte const* const block = row + std::size_t{group} * block_bytes;
    float const scale = half(block);
    float const minimum = Type == weight_type::q4_1 ? half(block + 2) : -8 * scale;
    std::byte const* const quants = block + block_bytes - half_group;
#pragma omp simd
    for (std::uint32_t i = 0; i < half_group; ++i) {
      out[i] = scale * static_cast<float>(byte_at(quants, i) & 15U) + minimum;
      out[i + half_group] = scale * static_cast<float>(byte_at(quants, i) >> 4U) + minimum;
    }
  } else if constexpr (Type == weight_type::q4_k) {
    std::byte const* const block = row + std::size_t{group / 8} * block_bytes;
    float const scale = half(block) * q4_k_scale(block + 4, group % 8, 0);
    float const minimum = half(block + 2) * q4_k_scale(block + 4, group % 8, 4);
    std::byte const* const quants = block + 16 + std::size_t{group % 8 / 2} * 32;
    std::uint32_t const shift = group % 2 * 4;
#pragma omp simd
    for (std::uint32_t i = 0; i < group_weights; ++i)
      out[i] = scale * static_cast<float>(byte_at(quants, i) >> shift & 15U) - minimum;
  } else {  // Q6_K: 128 bytes of low halves, 64 of the upper two bits, 16 signed scales, the scale of all
    std::byte const* const block = row + std::size_t{group / 8} * block_bytes;
    std::uint32_t const part = group % 8 / 4, quarter = group % 4;
    std::byte const* const low = block + std::size_t{part} * 64 + std::size_t{quarter % 2} * 32;
    std::byte const* const high = block + 128 + std::size_t{part} * 32;
    std::byte const* const scales = block + 192 + std::size_t{part} * 8 + std::size_t{quarter} * 2;
    std::uint32_t const low_shift = quarter / 2 * 4, high_shift = quarter * 2;
    float const all = half(block + 208);
    float const left = all * static_cast<float>(read_as<std::int8_t>(scales));
    float const right = all * static_cast<float>(read_as<std::int8_t>(scales + 1));
#pragma omp simd
    for (std::uint32_t i = 0; i < group_weights; ++i) {
      std::uint32_t const bits = (byte_at(low, i) >> low_shift & 15U) | (byte_at(high, i) >> high_shift & 3U) << 4U;
      out[i] = (i < half_group ? left : right) * static_cast<float>(static_cast<std::int32_t>(bits) - 32);
    }
  }
}

/// Makes a type that is known at run time a template argument of `call`.
template <weight_type First = weight_type::f32, class Call>
void with_type(weight_type type, Call const& call) {
  if (type == First) return call.template operator()<First>();
  if constexpr (First != weight_type::q6_k)
    with_type<static_cast<weight_type>(static_cast<int>(First) + 1)>(type, call);
}

}  // namespace generate
