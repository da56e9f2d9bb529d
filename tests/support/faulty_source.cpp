#include <tests/support/faulty_source.hpp>

#include <algorithm>

namespace tierpager::tests {

faulty_source::faulty_source(std::shared_ptr<source> real) : real_(std::move(real)) {}

status faulty_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  fault_decision decision = faults_.next(source_call::read);
  if (!decision.fails) return real_->read(file, offset, target);
  if (decision.carried_out)
    (void)real_->read(file, offset, target);
  else
    std::ranges::fill(target, std::byte{0xee});  // a failed read may leave anything behind
  if (!decision.fails->byte) decision.fails->byte = offset;
  return *decision.fails;
}

}  // namespace tierpager::tests
