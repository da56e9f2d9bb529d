// Acquiring one tensor: what nearly every call of a pager is, and nearly always a hit.
#include <host/executor.hpp>

namespace tierpager {

// A plain hit, or else the longer way. For a hit no memory is allocated and no call of the device made.
template <tier where>
handle executor::acquire_one(tensor_id id, stream_ref stream, wait_options const& wait) {
  expect(id, where);
  if (trace_.attached() || (where == tier::vram && stream.names_no_one_stream())) [[unlikely]]
    return acquire_one_set(id, where, stream, wait);
  std::uint64_t const caller = this_caller();
  mutex_.lock_briefly();  // by hand, as nothing throws until it is unlocked
  records::slot const* const place = core_->try_plain_hit<where>(id, caller_of(caller));
  if (place == nullptr) [[unlikely]]
    return acquire_one_special<where>(id, stream, wait);
  ++outstanding_;
  std::byte const* const data = (where == tier::vram ? vram_base_ : ram_base_) + place->range.offset;
  std::uint64_t const bytes = place->bytes;
  std::uint64_t const retirements = retirements_.load(std::memory_order_relaxed);
  mutex_.unlock();
  return {this, data, bytes, stream.get(), caller, retirements, id, where};
}

// Any other hit: on a course, or one whose copy may still run, or after which the core wants something.
template <tier where>
[[gnu::noinline]] handle executor::acquire_one_special(tensor_id id, stream_ref stream, wait_options const& wait) {
  scoped_lock lock(mutex_, std::adopt_lock);
  std::uint64_t const caller = this_caller();
  records::slot const* const place = unproven_.empty() ? core_->try_special_hit<where>(id, caller_of(caller)) : nullptr;
  if (place == nullptr) [[unlikely]] {
    lock.unlock();
    return acquire_one_set(id, where, stream, wait);
  }
  bool const ordered = where == tier::ram || !place->copying;
  if (ordered && !core_->has_commands() && !core_->wants_plan() && !core_->is_unfinished()) [[likely]]
    return handle_to(*place, id, where, stream.get(), caller);
  return follow_up(handle_to(*place, id, where, stream.get(), caller), stream, lock);
}

[[gnu::noinline]] handle executor::follow_up(handle one, stream_ref stream, scoped_lock& lock) {
  plan_if_wanted();
  dispatch();
  auto const until = one.tier_ == tier::vram ? core_->ready(one.id_) : std::nullopt;
  lock.unlock();
  order_after(std::span(&one, 1), stream, until);
  return one;
}

template handle executor::acquire_one<tier::vram>(tensor_id id, stream_ref stream, wait_options const& wait);
template handle executor::acquire_one<tier::ram>(tensor_id id, stream_ref stream, wait_options const& wait);

[[gnu::noinline]] handle executor::acquire_one_set(tensor_id id, tier where, stream_ref stream,
                                                   wait_options const& wait) {
  std::optional<stream_ref> const named = where == tier::vram ? std::optional(stream) : std::nullopt;
  return std::move(acquire(std::span(&id, 1), where, named, wait).front());
}

}  // namespace tierpager
