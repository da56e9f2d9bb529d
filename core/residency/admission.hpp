// Admits acquires to the tiers: all of a set or nothing, in the order in which they came; begins the loads of what is missing, and
// grants a request once all of it is there. Keeps who holds what. Not thread-safe: called under the pager's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <core/residency/admission_rules.hpp>
#include <core/residency/refusal_texts.hpp>
#include <core/residency/request_book.hpp>
#include <core/residency/transfers.hpp>
#include <core/residency/waiting_requests.hpp>

namespace tierpager {

class admission final : public waiting_requests {
 public:
  admission(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised);

  [[nodiscard]] transfers& loads() { return transfers_; }
  [[nodiscard]] transfers const& loads() const { return transfers_; }
  [[nodiscard]] request_book const& book() const { return book_; }

  // Acquires -------------------------------------------------------------------------------------------------------
  /// device_lost, closed, and what no pager would take.
  [[nodiscard]] status accepts(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] status fits_ever(std::span<tensor_id const> ids, tier where) const {
    return rules_.fits_ever(ids, where);
  }
  [[nodiscard]] bool may_pass(tier where, owner_id owner) const { return rules_.may_pass(where, owner); }
  [[nodiscard]] bool all_resident(std::span<tensor_id const> ids, tier where) const {
    return rules_.all_resident(ids, where);
  }
  /// All of the set is resident, and may be used at once.
  [[nodiscard]] bool may_use_now(std::span<tensor_id const> ids, tier where) const {
    return all_resident(ids, where) && rules_.has_room(ids, where);
  }
  void use_now(std::span<tensor_id const> ids, tier where, owner_id owner);
  /// Why the set may not wait, if so: it never fits, or its owner's own handles are in the way.
  [[nodiscard]] status may_wait(request const& asked) const;
  /// A request that is admitted at once where it may pass those that wait and there is room; else it waits.
  request_id add(request asked, bool may_pass);

  // Uses -----------------------------------------------------------------------------------------------------------
  /// The tensor is used once more, resident or on its way.
  void begin_use(tensor_id id, tier where, owner_id owner) {
    ledger_.slots.begin_use(id, where);
    if (ledger_.slots.footprint(id, where) > 0) evictor_.touch(id, where);
    book_.held.add(owner, id, where);
  }
  void end_use(tensor_id id, tier where, owner_id owner) {
    ledger_.slots.end_use(id, where);
    book_.held.remove(owner, id, where);
  }
  /// Another use of a tensor in use.
  void share(tensor_id id, tier where, owner_id owner);
  void end_unproven_use(tensor_id id, owner_id owner, std::uint32_t key, failure const& why);
  /// True where uses were left under that key: they lie before this fence.
  bool prove(fence recorded, std::uint32_t key);
  void released_elsewhere(owner_id owner) { book_.held.released_elsewhere(owner); }

  // Requests that wait ---------------------------------------------------------------------------------------------
  /// In ticket order; behind one that must wait, only callers that hold something may go on. True where anything changed.
  bool admit_waiting(tier where);
  [[nodiscard]] bool none_waiting(tier where) const { return book_.waiting[where].empty(); }
  void reject(request_id id, failure const& why);
  [[nodiscard]] failure overdue(request_id id) const { return texts_.overdue(id); }
  [[nodiscard]] bool nothing_comes() const { return rules_.nothing_comes(); }

  /// Every request fails, with that reason; later ones are not accepted.
  void close(failure const& why);
  [[nodiscard]] bool closed() const { return closed_.has_value(); }

  // What waits for loads -------------------------------------------------------------------------------------------
  void arrived(tensor_id id, load& coming, tier where) override;
  void failed(load& coming, failure const& why) override;
  bool refuse_starved(tensor_id id, load& coming) override;
  [[nodiscard]] failure no_place(tensor_id id, load const& coming) const override;
  [[nodiscard]] bool may_release_vram() const override { return rules_.may_release_vram(); }

 private:
  bool find_room_for(std::span<tensor_id const> ids, tier where);
  void make_way_for_all(std::span<tensor_id const> ids);
  void admit(request_id id, request& asked);
  void count_acquire(tensor_id id, tier where);
  [[nodiscard]] errc why_blocked() const;

  ledger& ledger_;
  evictor& evictor_;
  victim_search& search_;
  reservations& reservations_;
  request_book book_;
  transfers transfers_;
  admission_rules rules_;
  refusal_texts texts_;
  std::optional<failure> closed_;
};

}  // namespace tierpager
