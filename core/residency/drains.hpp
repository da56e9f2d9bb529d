// What loads that are over have left behind: copies that may still read their stages in RAM, and what a failed copy call may
// have left on the copy stream, which keeps memory in quarantine until a fence behind it is recorded. Not thread-safe: called
// under the pager's lock. Ends no use of a stage itself.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include <core/residency/reservations.hpp>

namespace tierpager {

class drains {
 public:
  drains(ledger& of, reservations& promised) : ledger_(of), reservations_(promised) {}

  /// A stage is used until that copy has passed.
  void add(fence last_copy, fence stage_use);
  /// The same, but the order of a failed copy is not proved. `quarantined`: RAM that is no tensor's until then.
  void add_unproved(fence stage_use, byte_range quarantined);
  /// A failed copy may still write to that place in VRAM.
  void quarantine_vram(byte_range range) { reservations_.quarantine(range); }
  /// The use of a stage that is over now, if there is one: the earliest first.
  [[nodiscard]] std::optional<fence> take_over();

  /// Asks for a fence on the copy stream, which lies behind whatever a failed copy call left there, where one is needed.
  void settle_if_needed();
  [[nodiscard]] bool settling() const { return settling_; }
  /// It was recorded: what was there when it was asked for ends with it.
  void settled(fence until);
  void settle_failed() { settling_ = false; }
  /// The device is lost: nothing runs any more.
  void device_lost();

  /// Nothing is under way that will pass.
  [[nodiscard]] bool nothing_passes() const { return proved_.empty(); }

 private:
  struct drain {
    fence until;
    fence stage_use;
  };
  struct unproved {
    fence stage_use;
    byte_range quarantined;
  };
  void prove(std::size_t count, fence until);

  ledger& ledger_;
  reservations& reservations_;
  std::deque<drain> proved_;  // in the order they ended: behind one that passes late some wait longer
  std::vector<unproved> unproved_;
  bool settling_ = false;
  std::size_t settling_ram_ = 0, settling_vram_ = 0;  // how many of each were there when it was asked for
};

}  // namespace tierpager
