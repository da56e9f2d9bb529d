#include <core/course.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {

course::course(std::size_t tensors, bool kept) : kept_(kept), tracker_(kept ? tensors : 0) {
  if (kept) latest_entry_.assign(tensors, never);
}

void course::declare(acquire_order order) {
  if (!kept_) return;
  tracker_.declare(std::move(order));
  follow();
}

void course::acquired(std::span<tensor_id const> ids) {
  if (!kept_) return;
  tracker_.acquired(ids);
  if (tracker_.version() != version_) return follow();
  if (order_ && tracker_.position() != position_) move_to(tracker_.position());
}

void course::released(tensor_id id) {
  if (!kept_) return;
  tracker_.released(id);
  if (tracker_.version() != version_) follow();
}

void course::conditions_changed() {
  if (order_) ++epoch_;
}

// Another order, or none, from here on. The plan of the old one goes with the next plan, or at once where none is to
// come.
void course::follow() {
  if (tracker_.version() == version_) return;
  version_ = tracker_.version();
  order_ = tracker_.following();
  ++epoch_;
  fall_back();
  if (order_) {
    position_ = tracker_.position();
    index_order();
    return;
  }
  lost_ = lost_ || plan_.has_value();
  plan_.reset();
}

void course::index_order() {
  std::vector<order_entry> const& entries = order_->entries;
  cycle_ = entries.size();
  std::fill(latest_entry_.begin(), latest_entry_.end(), never);
  next_entry_.assign(entries.size(), never);
  auto const count = static_cast<std::uint32_t>(entries.size());
  for (std::uint32_t round = 2; round-- > 0;) {  // twice around, backwards: the second round closes the cycle
    for (std::uint32_t i = count; i-- > 0;) {
      std::uint32_t& seen = latest_entry_[index_of(entries[i].id)];
      if (seen != never) next_entry_[i] = seen;
      seen = i;
    }
  }
  // As if the cycle had just been run through up to the position.
  for (std::size_t k = 0; k < count; ++k) {
    std::size_t const i = (position_ + k) % count;
    latest_entry_[index_of(entries[i].id)] = static_cast<std::uint32_t>(i);
  }
}

void course::move_to(std::size_t position) {
  while (position_ != position) {
    latest_entry_[index_of(order_->entries[position_].id)] = static_cast<std::uint32_t>(position_);
    position_ = around(position_ + 1);
    if (ahead_ > 0) --ahead_;
  }
}

std::optional<course::question> course::take_question() {
  if (!has_question()) return std::nullopt;
  asked_epoch_ = epoch_;
  return question{epoch_, order_};
}

bool course::adopt(std::uint64_t epoch, std::optional<memory_plan> plan) {
  if (epoch != epoch_) return false;
  plan_ = std::move(plan);
  planned_epoch_ = epoch;
  fall_back();
  return true;
}

bool course::take_loss() { return std::exchange(lost_, false); }

void course::advance() {
  ++ahead_;
  all_there_ = ahead_ >= cycle_;
}

void course::fall_back() {
  ahead_ = 0;
  all_there_ = false;
}

std::optional<tensor_id> course::upcoming() const {
  if (!has_upcoming()) return std::nullopt;
  return order_->entries[around(position_ + ahead_)].id;
}

bool course::sooner_than_upcoming(tensor_id id) const {
  std::uint32_t const latest = latest_entry_[index_of(id)];
  if (latest == never || next_entry_[latest] == never) return false;
  std::size_t const count = order_->entries.size();
  return (next_entry_[latest] + count - position_) % count < ahead_;
}

}  // namespace tierpager
