// Acquiring one tensor: what nearly every call of a pager is, and nearly always a hit.
#include <host/executor.hpp>

namespace tierpager {

// A hit, or else the long way. For a hit no memory is allocated and no call of the device made.
handle executor::acquire_one(tensor_id id, tier where, stream_ref stream, wait_options const& wait) {
  if (!trace_.attached() && (where == tier::ram || !stream.names_no_one_stream())) [[likely]] {
    std::uint64_t const caller = this_caller();
    scoped_lock lock(mutex_);
    records::slot const* const place = unproven_.empty() ? core_->try_hit(id, where, caller_of(caller)) : nullptr;
    if (place != nullptr) [[likely]] {
      bool const ordered = where == tier::ram || !place->copying;
      if (ordered && !core_->has_commands() && !core_->wants_plan()) [[likely]]
        return handle_to(*place, id, where, stream.get(), caller);
      handle one = handle_to(*place, id, where, stream.get(), caller);
      plan_if_wanted();
      dispatch();
      auto const until = ordered ? std::nullopt : core_->ready(id);
      lock.unlock();
      order_after(std::span(&one, 1), stream, until);
      return one;
    }
  }
  return acquire_one_set(id, where, stream, wait);
}

[[gnu::noinline]] handle executor::acquire_one_set(tensor_id id, tier where, stream_ref stream,
                                                   wait_options const& wait) {
  std::optional<stream_ref> const named = where == tier::vram ? std::optional(stream) : std::nullopt;
  return std::move(acquire(std::span(&id, 1), where, named, wait).front());
}

}  // namespace tierpager
