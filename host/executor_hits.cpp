// Acquiring one tensor: what nearly every call of a pager is, and nearly always a hit.
#include <host/executor.hpp>

namespace tierpager {

// A hit, or else the long way. For a hit no memory is allocated and no call of the device made.
handle executor::acquire_one(tensor_id id, tier where, stream_ref stream, wait_options const& wait) {
  handle one;
  bool copying = false;
  if (!trace_.attached() && (where == tier::ram || !stream.names_no_one_stream())) {
    std::uint64_t const caller = this_caller();
    scoped_lock const lock(mutex_);
    records::slot const* const place = unproven_.empty() ? core_->try_hit(id, where, caller_of(caller)) : nullptr;
    if (place != nullptr) [[likely]] {
      fill(one, *place, id, where, stream.get(), caller);
      copying = where == tier::vram && place->ready.has_value();
      if (core_->has_commands() || core_->wants_plan()) [[unlikely]]
        hit_changed_something();
    }
  }
  if (one.owner_ == nullptr || copying) [[unlikely]]
    acquire_the_long_way(one, stream, id, where, wait);
  return one;
}

// The course, or what is loaded ahead.
void executor::hit_changed_something() {
  plan_if_wanted();
  dispatch();
}

// No hit, or one whose copy is not over.
void executor::acquire_the_long_way(handle& one, stream_ref stream, tensor_id id, tier where,
                                    wait_options const& wait) {
  if (!one) {
    std::optional<stream_ref> const named = where == tier::vram ? std::optional(stream) : std::nullopt;
    one = std::move(acquire(std::span(&id, 1), where, named, wait).front());
    return;
  }
  std::optional<fence> until;
  {
    scoped_lock const lock(mutex_);
    until = core_->ready(id);
  }
  order_after(std::span(&one, 1), stream, until);
}

}  // namespace tierpager
