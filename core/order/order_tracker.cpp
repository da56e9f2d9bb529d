#include <core/order/order_tracker.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {
namespace {

constexpr std::size_t cycles_max = 8;
// Calls that a cycle does not foretell: about four in a row are borne, and about one in five for long.
constexpr std::uint32_t strikes_a_miss = 4;
constexpr std::uint32_t strikes_max = 16;
// Entries in a row that say which cycle this is where one call does not suffice.
constexpr std::uint32_t sure_match = 8;
constexpr int trust_max = 2;
constexpr int distrust_max = -3;

}  // namespace

void order_tracker::declare(std::unique_ptr<access_cycle> order) {
  auto const found = std::ranges::find_if(cycles_, [](auto const& cycle) { return cycle->declared; });
  if (found != cycles_.end()) {
    if (found->get() == followed_) lose();
    cycles_.erase(found);
  }
  if (order == nullptr) return;
  order->declared = true;
  order->trust = trust_max;
  follow(keep(std::move(order)), 0);
  untried_ = true;
}

void order_tracker::acquired(std::span<tensor_id const> ids) {
  if (ids.empty()) return;
  if (ids.size() == 1) {
    acquire_symbol const symbol = static_cast<std::uint32_t>(index_of(ids.front())) | call_begins;
    history_.append(symbol);
    return expected({&symbol, 1}) ? advance(1) : miss(1);
  }
  auto const entries = static_cast<std::uint32_t>(std::min<std::size_t>(ids.size(), history_.capacity() / 2));
  call_.clear();
  for (tensor_id const id : ids.first(entries)) call_.push_back(static_cast<std::uint32_t>(index_of(id)));
  if (!std::ranges::is_sorted(call_)) std::ranges::sort(call_);
  call_.front() |= call_begins;
  for (acquire_symbol const symbol : call_) history_.append(symbol);
  expected(call_) ? advance(entries) : miss(entries);
}

bool order_tracker::expected(std::span<acquire_symbol const> call) const {
  if (followed_ == nullptr || call.size() > followed_->size() - position_) return false;
  acquire_symbol const* const next = followed_->symbols() + position_;
  return std::equal(call.begin(), call.end(), next) && (next[call.size()] & call_begins) != 0;
}

void order_tracker::advance(std::uint32_t entries) {
  untried_ = false;
  if (strikes_ != 0) --strikes_;
  position_ += entries;
  std::uint32_t const size = followed_->size();
  if (position_ != size) return;
  position_ = 0;
  if (proven_ || history_.clock() - held_since_ < size + size / 2) return;
  proven_ = true;
  followed_->trust = std::min(followed_->trust + 1, trust_max);
  finder_.trust(size);
}

// A call that the followed cycle does not foretell, or any call while none is followed. A cycle that has repeated is left
// for another known one at once: two models that take turns, each for some passes, are two cycles. Otherwise a longer
// cycle comes first: a target model that is used once after each run of its drafts is part of one.
void order_tracker::miss(std::uint32_t entries) {
  auto here = followed_ ? followed_->find_latest(history_, 2 * sure_match + entries) : access_cycle::place{};
  if (here.matched < entries) here = {};
  if (proven_ && switch_cycle(entries, here.matched)) return;
  if (find_cycle(entries)) return;
  if (followed_ != nullptr) {
    finder_.rest();
    strikes_ += strikes_a_miss;
  }
  if (!proven_ && switch_cycle(entries, here.matched)) return;
  if (followed_ == nullptr) return;
  if (strikes_ > strikes_max) return lose();
  if (here.matched <= (untried_ ? 0 : entries)) return;
  position_ = here.next;
  untried_ = false;
}

// Follows the cycle that the program is seen to repeat, if it is; returns whether it does.
bool order_tracker::find_cycle(std::uint32_t entries) {
  // Where the cycle has the tensor elsewhere, the program may be there: at the target model, after fewer drafts than usual.
  bool const follows =
      followed_ != nullptr && (proven_ || !followed_->declared) && followed_->contains(history_.symbol(1));
  std::uint32_t const period = finder_.look(history_, entries, follows ? followed_->size() : 0);
  if (period == 0) return false;
  learn(period);
  return true;
}

// The latest `period` entries repeat: they are a known cycle, or a new one. A new cycle begins where its repetition did,
// as a pass of the program does more often than not.
void order_tracker::learn(std::uint32_t period) {
  for (auto const& cycle : cycles_) {
    if (cycle->size() != period) continue;
    auto const place = cycle->find_latest(history_, period);
    if (place.matched < period) continue;
    if (cycle.get() == followed_)
      position_ = place.next;
    else
      follow(*cycle, place.next);
    return;
  }
  std::uint32_t const repeated = history_.repeats(period, period);
  bool const begun_inside = repeated < period && (history_.symbol(repeated) & call_begins) != 0;
  std::uint32_t const next = begun_inside ? repeated : 0;
  access_cycle& learned = keep(std::make_unique<access_cycle>(history_, period, begun_inside ? repeated : period));
  learned.left_at = next;
  follow(learned, next);
}

// Follows another known cycle if its match with the latest entries is clearly longer than the followed one's, which is
// `here` entries; returns whether it does.
bool order_tracker::switch_cycle(std::uint32_t entries, std::uint32_t here) {
  access_cycle* best = nullptr;
  access_cycle::place there;
  for (auto const& cycle : cycles_) {
    if (cycle.get() == followed_ || cycle->trust <= distrust_max) continue;  // that is learn's, once it repeats
    std::uint32_t const wanted = cycle->trust > 0 ? entries : std::max(entries, std::min(cycle->size(), sure_match));
    auto const found = cycle->find_latest(history_, std::max(wanted, 2 * sure_match + entries));
    if (found.matched < wanted || found.matched <= there.matched) continue;
    best = cycle.get();
    there = found;
  }
  if (best == nullptr || (here != 0 && there.matched < std::max(here, entries) + sure_match)) return false;
  follow(*best, there.next);
  return true;
}

access_cycle& order_tracker::keep(std::unique_ptr<access_cycle> cycle) {
  cycles_.insert(cycles_.begin(), std::move(cycle));
  std::uint64_t entries = 0;
  std::size_t count = 0;
  std::erase_if(cycles_, [&](auto const& other) {
    entries += other->size();
    bool const too_many = ++count > cycles_max || entries > history_.capacity();
    return too_many && count > 1 && !other->declared && other.get() != followed_;
  });
  return *cycles_.front();
}

void order_tracker::follow(access_cycle& cycle, std::uint32_t next) {
  leave();
  followed_ = &cycle;
  position_ = next;
  strikes_ = 0;
  held_since_ = history_.clock();
  untried_ = proven_ = false;
  finder_.rest();
  ++version_;
  auto const found = std::ranges::find(cycles_, &cycle, [](auto const& other) { return other.get(); });
  std::rotate(cycles_.begin(), found, found + 1);
}

// A cycle that is left before it has repeated is trusted less: a plan for it was not worth making.
void order_tracker::leave() {
  if (followed_ == nullptr) return;
  followed_->left_at = position_;
  if (!proven_) {
    if (followed_->trust > distrust_max) --followed_->trust;
    finder_.doubt(followed_->size());
  }
  followed_ = nullptr;
}

void order_tracker::lose() {
  if (!proven_ && followed_->trust > distrust_max) --followed_->trust;  // counts twice: leave does the same
  leave();
  strikes_ = 0;
  finder_.rest();
  ++version_;
}

}  // namespace tierpager
