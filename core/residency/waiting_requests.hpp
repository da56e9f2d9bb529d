// What the transfers tell those whose requests wait for a load, and ask them. A port, so that loads know nothing of requests:
// the admission implements it. Called under the pager's lock.
#pragma once

#include <core/residency/load.hpp>
#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class waiting_requests {
 public:
  waiting_requests() = default;
  waiting_requests(waiting_requests const&) = delete;
  waiting_requests& operator=(waiting_requests const&) = delete;
  virtual ~waiting_requests() = default;

  /// The tensor's bytes are right in that tier, in stream order.
  virtual void arrived(tensor_id id, load& coming, tier where) = 0;
  /// The load has failed, and with it every request that waits for it.
  virtual void failed(load& coming, failure const& why) = 0;
  /// It finds no RAM to pass through beside what handles hold. True where a request was refused because its owner's own handles
  /// leave none.
  virtual bool refuse_starved(tensor_id id, load& coming) = 0;
  /// Why there is no place in VRAM for it in one piece beside what handles hold.
  [[nodiscard]] virtual failure no_place(tensor_id id, load const& coming) const = 0;
  /// A handle on VRAM may still be released: its owner waits for nothing, or lets others release it.
  [[nodiscard]] virtual bool may_release_vram() const = 0;
};

}  // namespace tierpager
