#include <core/eviction/use_counts.hpp>

#include <algorithm>
#include <cmath>

namespace tierpager {
namespace {

float share_left(std::uint32_t age, float half_life_passes) {
  return std::exp2(-static_cast<float>(age) / half_life_passes);
}

}  // namespace

use_counts::use_counts(std::size_t tensors) : tensors_(tensors) {
  for (std::uint32_t age = 0; age < left_.size(); ++age)
    for (std::size_t i = 0; i < half_lives_passes.size(); ++i) left_[age][i] = share_left(age, half_lives_passes[i]);
}

// A tensor that is used at both ends of a pass, as a tied embedding is, must not make two passes of one. And where there
// are no passes but tensors that come at random, the clock need not tick at every coincidence.
bool use_counts::pass_ends_before(usage const& next) const {
  std::uint64_t const least_uses = std::max(usual_pass_uses_ / 2, tensors_.size() / 64);
  return next.last_use > 0 && next.pass == pass_ && pass_uses_ >= least_uses;
}

bool use_counts::touched(std::uint32_t id) {
  usage& used = tensors_[id];
  bool const ended = pass_ends_before(used);
  if (ended) {
    usual_pass_uses_ = std::min(pass_uses_, previous_pass_uses_);
    previous_pass_uses_ = pass_uses_;
    pass_uses_ = 0;
    ++pass_;
  }
  std::uint32_t const age = pass_ - used.pass;
  for (std::size_t i = 0; i < half_lives_passes.size(); ++i) {
    float const left = age < left_.size() ? left_[age][i] : share_left(age, half_lives_passes[i]);
    used.counts[i] = used.counts[i] * left + 1;
  }
  used.pass = pass_;
  used.last_use = ++uses_;
  ++pass_uses_;
  return ended;
}

// All counts of one half-life decay alike, so their order holds between uses: the key is the count brought back to pass
// 0, as a logarithm.
eviction_rank use_counts::rank_of(std::uint32_t id, std::size_t order) const {
  usage const& used = tensors_[id];
  if (order == 0) return {.key = static_cast<double>(used.last_use), .last_use = used.last_use};
  double const count = static_cast<double>(used.counts[order - 1]);
  return {.key = std::log2(count) + used.pass / static_cast<double>(half_lives_passes[order - 1]),
          .last_use = used.last_use};
}

double use_counts::use_of(std::uint32_t id, std::size_t order) const {
  usage const& used = tensors_[id];
  if (order == 0) return 1 / static_cast<double>(uses_ + 1 - used.last_use);
  double const age = pass_ - used.pass;
  return static_cast<double>(used.counts[order - 1]) *
         std::exp2(-age / static_cast<double>(half_lives_passes[order - 1]));
}

}  // namespace tierpager
