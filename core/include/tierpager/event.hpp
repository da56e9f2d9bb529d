// What a pager decided, in the order in which it did: for tests, and for whoever asks why something moved.
// Plain values; see pager_options::record_events and pager::take_events.
#pragma once

#include <tierpager/statistics.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

struct event {
  enum class kind : std::uint8_t {
    loading,  // into `where`, through RAM; nothing has moved yet
    evicted,  // from `where`
  };
  kind what;
  tensor_id tensor;
  tier where;
  bool from_disk = false;                       // loading: else it is in RAM, or on its way there
  bool ahead = false;                           // loading: nobody had asked for it yet
  eviction_reason why = eviction_reason::room;  // evicted
  friend bool operator==(event const&, event const&) = default;
};

}  // namespace tierpager
