#include <core/residency/stage_uses.hpp>

#include <cassert>
#include <utility>

namespace tierpager {

fence stage_uses::begin() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(lanes_.size()));
    lanes_.emplace_back();
  }
  std::uint32_t const number = free_.back();
  free_.pop_back();
  lane& own = lanes_[number];
  own.running = true;
  return {.stream = number, .sequence = ++own.begun};
}

bool stage_uses::over(fence use) const {
  lane const& of = lanes_[use.stream];
  return use.sequence < of.begun || !of.running;
}

void stage_uses::wait(tensor_id id, fence use) {
  assert(!over(use));
  lanes_[use.stream].waiting.push_back(id);
}

std::vector<tensor_id> stage_uses::end(fence use) {
  lane& of = lanes_[use.stream];
  assert(of.running && of.begun == use.sequence);
  of.running = false;
  free_.push_back(use.stream);
  return std::exchange(of.waiting, {});
}

}  // namespace tierpager
