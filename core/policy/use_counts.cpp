#include <core/policy/use_counts.hpp>

#include <algorithm>
#include <cmath>

namespace tierpager {
namespace {

constexpr std::size_t ages = 64;

// What is left of a count after so many passes; most tensors are used again within a few.
struct decay_table {
  std::array<std::array<float, half_lives_passes.size()>, ages> left{};
  decay_table() {
    for (std::size_t age = 0; age < ages; ++age)
      for (std::size_t i = 0; i < half_lives_passes.size(); ++i)
        left[age][i] = std::exp2(-static_cast<float>(age) / half_lives_passes[i]);
  }
};

}  // namespace

// A tensor that is used at both ends of a pass, as a tied embedding is, must not make two passes of one.
bool use_counts::pass_ends_before(usage const& next) const {
  return next.last_use > 0 && next.pass == pass_ && 2 * pass_uses_ >= usual_pass_uses_;
}

bool use_counts::touched(std::uint32_t id) {
  static decay_table const decay;
  usage& one = tensors_[id];
  bool const ended = pass_ends_before(one);
  if (ended) {
    usual_pass_uses_ = std::min(pass_uses_, previous_pass_uses_);
    previous_pass_uses_ = pass_uses_;
    pass_uses_ = 0;
    ++pass_;
  }
  std::uint32_t const age = pass_ - one.pass;
  for (std::size_t i = 0; i < half_lives_passes.size(); ++i) {
    float const left = age < ages ? decay.left[age][i] : std::exp2(-static_cast<float>(age) / half_lives_passes[i]);
    one.counts[i] = one.counts[i] * left + 1;
  }
  one.pass = pass_;
  one.last_use = ++uses_;
  ++pass_uses_;
  return ended;
}

// All counts of one half-life decay alike, so their order holds between uses: the key is the count brought back to pass
// 0, as a logarithm.
rank_heap::rank use_counts::rank_of(std::uint32_t id, std::size_t order) const {
  usage const& one = tensors_[id];
  if (order == 0) return {.key = static_cast<double>(one.last_use), .last_use = one.last_use};
  double const count = static_cast<double>(one.counts[order - 1]);
  return {.key = std::log2(count) + one.pass / static_cast<double>(half_lives_passes[order - 1]),
          .last_use = one.last_use};
}

}  // namespace tierpager
