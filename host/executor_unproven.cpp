// Uses whose last fence could not be recorded, until a later fence of their stream proves them over.
#include <host/executor.hpp>

namespace tierpager {

// An earlier release on this stream could not record its fence: this thread may, now.
void executor::prove_uses_on(stream_ref stream) {
  bool const any = std::any_of(unproven_.begin(), unproven_.end(), [&](auto const& one) { return one.first == stream; });
  if (!any) return;
  mutex_.unlock();
  auto const recorded = device_->record(stream);
  mutex_.lock();
  if (recorded.ok()) proved(stream, *recorded);
}

void executor::proved(stream_ref stream, fence recorded) {
  note_use(recorded);
  for (auto const& [unproven, number] : unproven_)
    if (unproven == stream) core_->prove(recorded, number);
  std::erase_if(unproven_, [&](auto const& one) { return one.first == stream; });
  dispatch();
}

void executor::retire_stream(stream_ref stream) {
  auto const recorded = device_->record(stream);
  {
    scoped_lock const lock(mutex_);
    if (recorded.ok()) proved(stream, *recorded);
    else std::erase_if(unproven_, [&](auto const& one) { return one.first == stream; });
  }
  value_or_throw(device_->retire(stream));
}

}  // namespace tierpager
