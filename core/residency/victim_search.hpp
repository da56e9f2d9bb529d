// Searches for what is to leave a tier: the first in the order of eviction that may, or the cheapest window of neighbours where
// no hole is large enough. Asks about last uses where the answer depends on whether streams are done with a tensor. Not
// thread-safe: called under the pager's lock. Evicts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <core/residency/evictor.hpp>
#include <core/residency/ledger.hpp>
#include <core/residency/reservations.hpp>

namespace tierpager {

class victim_search {
 public:
  victim_search(ledger& of, evictor& victims, reservations& promised)
      : ledger_(of), evictor_(victims), reservations_(promised) {}

  /// The first in the order of eviction that may leave. What was loaded ahead only where there is no other, so that it does
  /// not matter whether it has come; a pin after that, where its place is still promised away.
  [[nodiscard]] std::optional<tensor_id> first_victim(tier where);

  // Windows --------------------------------------------------------------------------------------------------------
  enum class may_leave : std::uint8_t { unless_running, running_too, pinned_too };
  /// What is lost if it leaves; nothing for a tensor that may not. `for_ahead`: a load ahead, for which nothing leaves that is at
  /// home here or was loaded ahead too.
  [[nodiscard]] std::optional<leave_cost> cost_of(tenant const& each, tier where, bool for_ahead, may_leave who) const;
  /// A hole, else the cheapest window. Nothing of `kept`, which is in ascending order, leaves.
  [[nodiscard]] std::optional<eviction_window> cheapest(tier where, std::uint64_t bytes, bool for_ahead, may_leave who,
                                                        std::span<tensor_id const> kept = {}) const;
  struct choice {
    std::optional<eviction_window> window;
    bool running = false;  // no window is over: a stream still uses some of each. Not asked by an exact policy
  };
  [[nodiscard]] choice choose(std::uint64_t bytes, bool for_ahead) const;

  // Last uses in VRAM ----------------------------------------------------------------------------------------------
  enum class use_state : std::uint8_t { over, running, unknown };
  [[nodiscard]] use_state last_use_of(tensor_id id) const;
  /// Asks about those of its last uses that are not known to be over.
  void ask(tensor_id id);
  /// Asks about the first eight in the order of eviction whose last uses are not known. `anew`: what had not passed at the last
  /// question may have by now. False, and nothing is asked, where one that is over comes before all of these.
  bool ask_in_order(bool anew);
  bool ask_about(byte_range window);

 private:
  [[nodiscard]] bool holds_up(fence use) const;

  ledger& ledger_;
  evictor& evictor_;
  reservations& reservations_;
};

}  // namespace tierpager
