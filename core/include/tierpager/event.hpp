// What a pager decided, in the order in which it did: for tests, and for users who ask why something moved.
// Plain values; see pager_options::record_events and pager::take_events.
#pragma once

#include <tierpager/statistics.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// One decision about one tensor, made before anything moved.
struct event {
  /// What was decided.
  enum class kind : std::uint8_t {
    loading,  // into `where`, through RAM; nothing has moved yet
    evicted,  // from `where`
  };
  kind what;                                    // which of the two
  tensor_id tensor;                             // of the pager's catalog
  tier where;                                   // the tier that gains or loses it
  bool from_disk = false;                       // loading: else it is in RAM, or on its way there
  bool ahead = false;                           // loading: nobody had asked for it yet
  eviction_reason why = eviction_reason::room;  // evicted
  friend bool operator==(event const&, event const&) = default;
};

}  // namespace tierpager
