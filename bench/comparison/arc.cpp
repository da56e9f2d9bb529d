#include <bench/comparison/arc.hpp>

#include <algorithm>

namespace tierpager::tools {
namespace {

// How far one return moves the balance: by its bytes, or more where the other ghosts outweigh its own.
std::uint64_t step(std::uint64_t bytes, std::uint64_t own_bytes, std::uint64_t other_bytes) {
  double const weight = std::max(1.0, static_cast<double>(other_bytes) / static_cast<double>(own_bytes));
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * weight);
}

}  // namespace

void arc::hit(std::uint32_t id) {
  (once_.contains(id) ? once_ : again_).remove(id);
  again_.push(id);
}

void arc::missed(std::uint32_t id) {
  comes_from_once_ = once_ghosts_.contains(id);
  comes_from_again_ = again_ghosts_.contains(id);
  if (comes_from_once_) {
    std::uint64_t const more = step(bytes_of(id), once_ghosts_.bytes(), again_ghosts_.bytes());
    once_target_bytes_ = std::min(capacity_bytes(), once_target_bytes_ + more);
    once_ghosts_.remove(id);
  } else if (comes_from_again_) {
    std::uint64_t const less = step(bytes_of(id), again_ghosts_.bytes(), once_ghosts_.bytes());
    once_target_bytes_ -= std::min(once_target_bytes_, less);
    again_ghosts_.remove(id);
  }
}

std::uint32_t arc::take_victim() {
  bool const over = once_.bytes() > once_target_bytes_ || (comes_from_again_ && once_.bytes() == once_target_bytes_);
  bool const from_once = !once_.empty() && (over || again_.empty());
  std::uint32_t const victim = from_once ? once_.pop() : again_.pop();
  (from_once ? once_ghosts_ : again_ghosts_).push(victim);
  return victim;
}

void arc::insert(std::uint32_t id) {
  (comes_from_once_ || comes_from_again_ ? again_ : once_).push(id);
  auto const remembered = [&] { return once_.bytes() + again_.bytes() + once_ghosts_.bytes() + again_ghosts_.bytes(); };
  while (!once_ghosts_.empty() && once_.bytes() + once_ghosts_.bytes() > capacity_bytes()) once_ghosts_.pop();
  while (!again_ghosts_.empty() && remembered() > 2 * capacity_bytes()) again_ghosts_.pop();
}

}  // namespace tierpager::tools
