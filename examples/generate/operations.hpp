// The operations of a forward pass that take no matrix. Each is an object that is called with one item after another, in any
// order or at the same time. A team works on an item: a thread of the CPU alone, or the 32 threads of a warp on a GPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <examples/generate/decode.hpp>
#include <examples/generate/model.hpp>

namespace generate {

struct lone_thread {
  static constexpr std::uint32_t lanes = 1;
  static constexpr std::uint32_t lane = 0;
  static float sum(float value) { return value; }
};

/// out = in * weights / (root mean square of in). An item is a token.
struct normalise {
  float const* in = nullptr;
  float const* weights = nullptr;
  float epsilon = 0;
  std::uint32_t width = 0;
  float* out = nullptr;

  template <class Team>
  TIERPAGER_HOST_DEVICE void operator()(std::uint32_t token, Team const& team) const {
    float const* const from = in + std::size_t{token} * width;
    float squares = 0;
    for (std::uint32_t i = team.lane; i < width; i += Team::lanes) squares += from[i] * from[i];
    float const by = 1 / std::sqrt(team.sum(squares) / static_cast<float>(width) + epsilon);
    for (std::uint32_t i = team.lane; i < width; i += Team::lanes)
      out[std::size_t{token} * width + i] = from[i] * by * weights[i];
  }
};

/// Rotary position embedding, in place (Su et al., RoFormer). An item is a head of a token; token 0 has the position `first`.
struct rotate {
  float* values = nullptr;
  std::uint32_t heads = 0;
  sizes of;
  std::uint32_t first = 0;

  template <class Team>
  TIERPAGER_HOST_DEVICE void operator()(std::uint32_t item, Team const& team) const {
    std::uint32_t const pairs = of.rotated / 2;
    for (std::uint32_t pair = team.lane; pair < pairs; pair += Team::lanes) {
      float const turn = static_cast<float>(first + item / heads) *
                         std::pow(of.rope_base, -static_cast<float>(pair) / static_cast<float>(pairs));
      float* const x = values + std::size_t{item} * of.head + (of.rotates_halves ? pair : 2 * pair);
      float* const y = x + (of.rotates_halves ? pairs : 1);
      float const before = *x, cosine = std::cos(turn), sine = std::sin(turn);
      *x = before * cosine - *y * sine;
      *y = before * sine + *y * cosine;
    }
  }
};

/// Softmax attention of each token over all positions up to its own. An item is a head of a token. The softmax is kept up to
/// date as positions come, so that no list of scores is needed (Milakov and Gimelshein, Online normalizer calculation).
struct attend {
  float const* q = nullptr;
  float const* keys = nullptr;
  float const* values = nullptr;
  sizes of;
  std::uint32_t first = 0;
  float* out = nullptr;

  template <class Team>
  TIERPAGER_HOST_DEVICE void operator()(std::uint32_t item, Team const& team) const {
    std::size_t const step = std::size_t{of.kv_heads} * of.head, at = std::size_t{item} * of.head;
    std::size_t const from = std::size_t{item % of.heads / (of.heads / of.kv_heads)} * of.head;
    float most = -1e30F, sum = 0, gathered[sizes::head_max / Team::lanes] = {};
    for (std::uint32_t position = 0; position <= first + item / of.heads; ++position) {
      float const *const key = keys + position * step + from, *const value = values + position * step + from;
      float score = 0;
      for (std::uint32_t i = team.lane; i < of.head; i += Team::lanes) score += q[at + i] * key[i];
      score = team.sum(score) / std::sqrt(static_cast<float>(of.head));
      float const higher = score > most ? score : most;
      float const before = std::exp(most - higher), share = std::exp(score - higher);
      for (std::uint32_t i = team.lane, k = 0; i < of.head; i += Team::lanes, ++k)
        gathered[k] = gathered[k] * before + share * value[i];
      sum = sum * before + share;
      most = higher;
    }
    for (std::uint32_t i = team.lane, k = 0; i < of.head; i += Team::lanes, ++k) out[at + i] = gathered[k] / sum;
  }
};

/// gate = silu(gate) * up. An item is 32 numbers.
struct apply_gate {
  float* gate = nullptr;
  float const* up = nullptr;

  template <class Team>
  TIERPAGER_HOST_DEVICE void operator()(std::uint32_t item, Team const& team) const {
    for (std::uint32_t i = item * 32 + team.lane; i < (item + 1) * 32; i += Team::lanes)
      gate[i] *= up[i] / (1 + std::exp(-gate[i]));
  }
};

}  // namespace generate
