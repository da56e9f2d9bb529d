// The errors of acquires that find no room: how much is wanted and held, by whom, and what each owner waits for. Words only.
// Not thread-safe: called under the pager's lock.
#pragma once

#include <string>

#include <core/residency/ledger.hpp>
#include <core/residency/load_table.hpp>
#include <core/residency/request_book.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

class refusal_texts {
 public:
  refusal_texts(ledger const& of, load_table const& loads, request_book const& book)
      : ledger_(of), loads_(loads), book_(book) {}

  /// `why`, and what is wanted, held, and by which handles.
  [[nodiscard]] failure no_room(errc code, std::string const& why, request const& asked) const;
  /// `timed_out`: why the request still waits.
  [[nodiscard]] failure overdue(request_id id) const;
  /// `device_failed`: what must leave may still be in use.
  [[nodiscard]] failure unproved() const;

 private:
  [[nodiscard]] std::string held_in_words(tier where, owner_id asking) const;

  ledger const& ledger_;
  load_table const& loads_;
  request_book const& book_;
};

}  // namespace tierpager
