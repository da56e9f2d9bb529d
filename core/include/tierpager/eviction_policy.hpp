// Which resident tensor should leave first. One instance a tier, driven by the residency core under the pager's lock: no
// threads, no clocks, no allocation after construction, and with 20,000 tensors no call of more than 10 ms of CPU time. A
// policy ranks; the core decides which tensor may leave, and steps past those that may not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <tierpager/error.hpp>
#include <tierpager/export.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Ranks what is in one tier. A user of the pager chooses one by name (pager_options::policy).
class TIERPAGER_EXPORT eviction_policy {
 public:
  eviction_policy() = default;
  eviction_policy(eviction_policy const&) = delete;
  eviction_policy& operator=(eviction_policy const&) = delete;
  virtual ~eviction_policy() = default;

  /// Whether victims leave in exactly this order, waited for if need be. Else the core takes the first whose last use is
  /// over, where there is one.
  [[nodiscard]] virtual bool exact() const = 0;
  /// The tensor was acquired. The first touch since construction or `erased` inserts it.
  virtual void touched(tensor_id id) = 0;
  /// The tensor left the tier, or its load failed. No effect on a tensor that is not in.
  virtual void erased(tensor_id id) = 0;
  /// The tensor to evict first, if any is in.
  [[nodiscard]] virtual std::optional<tensor_id> first_victim() const = 0;
  /// The one to evict next, were `id` (which is in) kept.
  [[nodiscard]] virtual std::optional<tensor_id> victim_after(tensor_id id) const = 0;
  /// How much a tensor that is in is used, compared with others: of two of the same size, the one with less leaves first.
  [[nodiscard]] virtual double use_of(tensor_id id) const = 0;
  /// How many bytes the tier has for tensors from now on. Nothing to policies that rank without knowing it.
  virtual void resized(std::uint64_t /*capacity_bytes*/) {}
};

/// "lru", or "auto": a use rate that learns how fast to forget, and passes over what is still in use on a stream. It is
/// told what each tensor takes of the tier, and learns nothing until `resized` says how large that is.
/// `invalid_argument` for any other name.
TIERPAGER_EXPORT result<std::unique_ptr<eviction_policy>> make_eviction_policy(
    std::string_view name, std::span<std::uint64_t const> tensor_bytes);
/// The same where no size is known: "auto" ranks like LRU.
TIERPAGER_EXPORT result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name,
                                                                               std::size_t tensors);

}  // namespace tierpager
