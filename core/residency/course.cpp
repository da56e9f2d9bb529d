#include <core/residency/course.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {

course::course(std::size_t tensors, bool kept) : kept_(kept), tracker_(kept ? tensors : 0) {}

void course::declare(std::unique_ptr<access_cycle> order) {
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
  if (!order_) return;
  ++epoch_;
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
    cycle_ = order_->entries.size();
    return;
  }
  lost_ = lost_ || plan_.has_value();
  plan_.reset();
}

void course::move_to(std::size_t position) {
  std::size_t const passed = position >= position_ ? position - position_ : position + cycle_ - position_;
  position_ = position;
  ahead_ -= std::min(ahead_, passed);
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
  auto const entries = tracker_.entries_until(id);
  return entries && *entries < ahead_;
}

}  // namespace tierpager
