// A source that fails when told to, over one that works. Any thread. Where in its file a read fails is up to the plan;
// it makes no short reads.
#pragma once

#include <memory>

#include <tests/support/fault_plan.hpp>
#include <tierpager/source.hpp>

namespace tierpager::tests {

enum class source_call : std::uint8_t { read };
using source_faults = fault_plan<source_call>;

class faulty_source final : public source {
 public:
  explicit faulty_source(std::shared_ptr<source> real);

  /// `why` gets the read's first byte where it names none. `carried_out` leaves the bytes in the target.
  void fail(source_faults plan) { faults_.set(std::move(plan)); }
  void lift() { faults_.lift(); }
  [[nodiscard]] std::uint64_t calls() const { return faults_.calls(); }
  [[nodiscard]] std::uint64_t failed() const { return faults_.failed(); }

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;
  [[nodiscard]] std::optional<std::uint64_t> bytes_of(std::uint32_t file) const override {
    return real_->bytes_of(file);
  }

 private:
  std::shared_ptr<source> const real_;
  fault_counter<source_call> faults_{1, errc::read_failed};
};

}  // namespace tierpager::tests
