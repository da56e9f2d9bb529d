// Holds acquired tensors against their file: checksummed on the device (on the CPU where there is no device tier), and
// read from a source of its own, never through the pager. Results are read back in batches. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <tierpager/checksum.hpp>
#include <tierpager/pager.hpp>
#include <tierpager/source.hpp>

#include <tools/pager_setup.hpp>

namespace tierpager::tools {

class tensor_checker {
 public:
  /// Device memory for the results that wait to be read back, and for what the device needs to sum.
  static std::uint64_t scratch_bytes(device const& on);

  /// `pages` was opened with scratch_bytes(); both outlive the checker.
  tensor_checker(paged_model& pages, source& file);

  /// Reads the tensor from the file, once however often it is called. Throws tierpager::error.
  void learn(tensor_id id);
  /// Checks a tensor that was learnt. The handle may be released when this returns.
  void check(handle const& acquired);
  /// Waits for the checks under way.
  void finish();

  [[nodiscard]] std::uint64_t checked() const { return checked_; }
  [[nodiscard]] std::uint64_t mismatches() const { return mismatches_; }
  /// Of the first mismatch: the file, the tensor, what is wrong.
  [[nodiscard]] std::optional<failure> const& first_mismatch() const { return first_mismatch_; }

 private:
  void compare(tensor_id id, std::uint64_t checksum);

  paged_model& pages_;
  source& file_;
  std::vector<std::optional<std::uint64_t>> expected_;
  std::vector<tensor_id> waiting_;  // the i-th one's result is the i-th word of the scratch memory
  std::vector<std::byte> piece_;
  std::uint64_t checked_ = 0;
  std::uint64_t mismatches_ = 0;
  std::optional<failure> first_mismatch_;
};

}  // namespace tierpager::tools
