// Whether a set of tensors may be admitted to a tier, may wait for that, or must be refused: questions about what is held,
// promised and wanted. Not thread-safe: called under the pager's lock. Changes nothing; the admission acts.
#pragma once

#include <cstdint>
#include <span>

#include <core/residency/evictor.hpp>
#include <core/residency/load_table.hpp>
#include <core/residency/request_book.hpp>
#include <core/residency/victim_search.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

class admission_rules {
 public:
  admission_rules(ledger const& of, evictor const& victims, victim_search const& search, reservations const& promised,
                  load_table const& loads, request_book const& book)
      : ledger_(of), evictor_(victims), search_(search), reservations_(promised), loads_(loads), book_(book) {}

  /// invalid_argument, unknown_tensor: what no pager would take.
  [[nodiscard]] status is_valid(std::span<tensor_id const> ids, tier where) const;
  /// budget_too_small, out_of_memory: the set and all pins, loaded or not, exceed the tier, which no waiting can change.
  [[nodiscard]] status fits_ever(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool all_resident(std::span<tensor_id const> ids, tier where) const;
  /// Whether loads that are under way may be waited for, or begun.
  [[nodiscard]] bool joinable(std::span<tensor_id const> ids, tier where) const;
  /// What is held, or promised to requests already admitted, leaves room for the set: then every load of it finds victims.
  [[nodiscard]] bool has_room(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] std::uint64_t newly_held_bytes(std::span<tensor_id const> ids, tier where) const;
  /// A new request may go before those that wait, loads that are starved of RAM included: there are none, or its owner holds
  /// something, which they may be waiting for.
  [[nodiscard]] bool may_pass(tier where, owner_id owner) const {
    if (book_.waiting[where].empty() && (where == tier::vram || loads_.staging().empty() || !loads_.any_starving()))
      return true;
    return book_.held.holds_any(owner);
  }

  // Places in VRAM for a set ---------------------------------------------------------------------------------------
  /// There is a place at this moment for all that is missing, side by side. Later requests leave it free, as they are admitted
  /// beside what this one holds.
  [[nodiscard]] bool has_place_now(std::span<tensor_id const> ids) const;
  /// Each of the set that is missing can have its planned place, and leaves those of the others alone.
  [[nodiscard]] bool has_planned_places(std::span<tensor_id const> ids) const;
  /// Nothing in VRAM is held by a handle or a load, or promised a place.
  [[nodiscard]] bool nothing_held() const;

  // Why a request waits --------------------------------------------------------------------------------------------
  /// Whatever others release, the set and so many bytes more find no room before its owner releases something.
  [[nodiscard]] bool blocked_by_own_handles(request const& asked, std::uint64_t more_bytes = 0) const;
  /// The bytes would do, but not as they lie, and no other owner will let go of any.
  [[nodiscard]] bool in_pieces_beside_own_handles(request const& asked) const;
  /// Only memory whose last use cannot be proved to be over stands in the way, and nothing under way will prove it.
  [[nodiscard]] bool stuck(request const& asked) const;
  /// No answer is outstanding that could let anything go on: what waits is waiting for its turn, for what was loaded ahead, or
  /// for callers.
  [[nodiscard]] bool nothing_comes() const;
  /// A handle on VRAM may still be released: its owner waits for nothing, or lets others release it.
  [[nodiscard]] bool may_release_vram() const;

 private:
  ledger const& ledger_;
  evictor const& evictor_;
  victim_search const& search_;
  reservations const& reservations_;
  load_table const& loads_;
  request_book const& book_;
};

}  // namespace tierpager
