#include <core/residency/plan_cursor.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {

plan_cursor::plan_cursor(std::size_t tensors, bool enabled) : enabled_(enabled), tracker_(enabled ? tensors : 0) {}

void plan_cursor::declare(std::unique_ptr<access_cycle> order) {
  if (!enabled_) return;
  tracker_.declare(std::move(order));
  follow();
}

void plan_cursor::acquired(std::span<tensor_id const> ids) {
  if (!enabled_) return;
  tracker_.acquired(ids);
  if (tracker_.version() != version_) return follow();
  if (order_ && tracker_.position() != position_) move_to(tracker_.position());
}

void plan_cursor::released(tensor_id id) {
  if (!enabled_) return;
  tracker_.released(id);
  if (tracker_.version() != version_) follow();
}

void plan_cursor::conditions_changed() {
  if (!order_) return;
  ++epoch_;
}

// Another order, or none, from here on. The plan of the old one goes with the next plan, or at once where none is to
// come.
void plan_cursor::follow() {
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

void plan_cursor::move_to(std::size_t position) {
  std::size_t const passed = position >= position_ ? position - position_ : position + cycle_ - position_;
  position_ = position;
  ahead_ -= std::min(ahead_, passed);
}

std::optional<plan_cursor::question> plan_cursor::take_question() {
  if (!has_question()) return std::nullopt;
  asked_epoch_ = epoch_;
  return question{epoch_, order_};
}

bool plan_cursor::adopt(std::uint64_t epoch, std::optional<memory_plan> plan) {
  if (epoch != epoch_) return false;
  plan_ = std::move(plan);
  planned_epoch_ = epoch;
  fall_back();
  return true;
}

bool plan_cursor::take_loss() { return std::exchange(lost_, false); }

void plan_cursor::advance() {
  ++ahead_;
  all_there_ = ahead_ >= cycle_;
}

void plan_cursor::fall_back() {
  ahead_ = 0;
  all_there_ = false;
}

std::optional<tensor_id> plan_cursor::upcoming() const {
  if (!has_upcoming()) return std::nullopt;
  return order_->entries[around(position_ + ahead_)].id;
}

bool plan_cursor::sooner_than_upcoming(tensor_id id) const {
  auto const entries = tracker_.entries_until(id);
  return entries && *entries < ahead_;
}

}  // namespace tierpager
