#include <core/cycle_finder.hpp>

#include <algorithm>

namespace tierpager {
namespace {

constexpr std::uint32_t occurrences_tried = 8;  // of one tensor: repeats inside a cycle, and passes that take turns
constexpr std::uint32_t short_period = 32;
constexpr std::uint32_t shortest_match = 8;  // shorter ones that break off say nothing
constexpr std::uint32_t comparisons_per_entry = 64;
constexpr std::uint32_t failures_max = 5;
// After so many calls that began no repetition, only one in so many looks for one.
constexpr std::uint32_t fruitless_calls = 64;
constexpr std::uint32_t calls_skipped = 4;

}  // namespace

// An eighth of the period, unless it failed before. Experts chosen at random stand between runs of a dozen tensors that
// come again in the same order at the same distance, and now and then the same ones are chosen; an adapter is used twice
// and then another. Each time that it breaks off, twice as much is asked for, up to four periods.
std::uint32_t cycle_finder::enough(acquire_history const& history, std::uint32_t period, bool most_of_it) const {
  if (period == 1) return shortest_match;
  if (period < short_period) return std::max(period, std::min(2 * period, shortest_match));
  std::uint32_t const least = std::max(short_period, most_of_it ? period - period / 4 : period / 8);
  std::uint32_t failures = 0;
  for (doubted const& one : doubts_)
    if (one.period >= short_period && period % one.period == 0) failures = std::max(failures, one.failures);
  // Three failures ask for the whole period, further ones for more of them, if the history can tell.
  std::uint64_t const eighths = std::uint64_t{std::max(short_period, period / 8)} << failures;
  std::uint64_t const most = failures > 3 ? std::uint64_t{period} << (failures - 3) : period;
  std::uint64_t const wanted = std::min({eighths, most, std::uint64_t{history.capacity() - period}});
  return std::max(least, static_cast<std::uint32_t>(wanted));
}

bool cycle_finder::refused(std::uint32_t period) const {
  return std::ranges::any_of(doubts_, [=](doubted const& one) { return one.period == period && one.refused; });
}

cycle_finder::doubted& cycle_finder::note_of(std::uint32_t period) {
  auto found = std::ranges::find(doubts_, period, &doubted::period);
  if (found == doubts_.end()) {
    found = doubts_.end() - 1;
    *found = {period};
  }
  std::rotate(doubts_.begin(), found, found + 1);
  return doubts_.front();
}

void cycle_finder::doubt(std::uint32_t period) {
  auto& its = note_of(period);
  its.failures = std::min(its.failures + 1, failures_max);
}

void cycle_finder::refuse(std::uint32_t period) { note_of(period).refused = true; }

void cycle_finder::trust(std::uint32_t period) {
  auto const found = std::ranges::find(doubts_, period, &doubted::period);
  if (found != doubts_.end() && found->failures != 0) --found->failures;
}

void cycle_finder::forget_refusals() {
  for (doubted& one : doubts_) one.refused = false;
}

cycle_finder::repetition cycle_finder::look(acquire_history const& history, std::uint32_t entries, bool most_of_it) {
  if (comparing()) {
    auto const found = go_on(history, entries);
    if (found || running_ || comparing()) return found;
  }
  wanted_most_ = most_of_it;
  save_up(history);
  if (running_) {
    if (running_.period < history.size() && history.repeats(running_.period, entries) == entries) {
      running_.matched += entries;
      bool const whole_calls = (history.symbol(running_.period) & call_begins) != 0;
      return whole_calls && running_.matched >= enough(history, running_.period, most_of_it) ? running_ : repetition{};
    }
    if (running_.matched >= shortest_match) doubt(running_.period);
    running_ = {};
  }
  // Looking back misses nothing by being late.
  if (++fruitless_ > fruitless_calls && fruitless_ % calls_skipped != 0) return {};
  return restart(history, entries, most_of_it);
}

cycle_finder::repetition cycle_finder::go_on(acquire_history const& history, std::uint32_t entries) {
  save_up(history);
  std::erase_if(candidates_, [&](candidate& one) {
    if (history.repeats(one.period, entries) == entries) {
      one.matched += entries;
      return false;
    }
    if (one.open && one.matched >= shortest_match) doubt(one.period);
    return true;
  });
  return compare(history, entries);
}

void cycle_finder::save_up(acquire_history const& history) {
  std::uint64_t const saved = std::uint64_t{history.clock() - saved_at_} * comparisons_per_entry + savings_;
  savings_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(saved, history.capacity()));
  saved_at_ = history.clock();
}

std::uint32_t cycle_finder::repeats(acquire_history const& history, std::uint32_t period, std::uint32_t limit,
                                    std::uint32_t skipped) {
  std::uint32_t const count = history.repeats(period, std::min(limit, savings_), skipped);
  savings_ -= count;
  return count;
}

// The candidates are kept only if one of them is to be compared further; else, what `compare` would come to.
cycle_finder::repetition cycle_finder::restart(acquire_history const& history, std::uint32_t entries, bool most_of_it) {
  std::array<candidate, occurrences_tried> tried_so_far;
  std::size_t count = 0;
  bool open = false;
  std::uint32_t ago = history.earlier(1);
  for (std::uint32_t tried = 0; ago != 0 && tried < occurrences_tried; ++tried, ago = history.earlier(ago)) {
    std::uint32_t const period = ago - 1;
    if (refused(period)) continue;
    candidate one{.period = period, .wanted = std::max(enough(history, period, most_of_it), entries)};
    extend(history, one, entries);
    if (!open && is_enough(history, one)) return running_ = {one.period, one.matched};
    tried_so_far[count++] = one;
    open = open || one.open;
  }
  std::span const all(tried_so_far.data(), count);
  if (open) return candidates_.assign(all.begin(), all.end()), repetition{};
  run_with_most(all, entries);
  return {};
}

bool cycle_finder::is_enough(acquire_history const& history, candidate const& one) {
  return one.matched >= one.wanted && (history.symbol(one.period) & call_begins) != 0;
}

void cycle_finder::run_with_most(std::span<candidate const> all, std::uint32_t entries) {
  for (candidate const& one : all)
    if (one.matched >= entries && one.matched > running_.matched) running_ = {one.period, one.matched};
}

// The first that is compared to its end and is enough; or that with the most goes on to be compared as running_.
cycle_finder::repetition cycle_finder::compare(acquire_history const& history, std::uint32_t entries) {
  bool open = false;
  for (candidate& one : candidates_) {
    extend(history, one, entries);
    if (!open && is_enough(history, one)) {
      running_ = {one.period, one.matched};
      candidates_.clear();
      return running_;
    }
    open = open || one.open;
  }
  if (open) return {};
  run_with_most(candidates_, entries);
  candidates_.clear();
  return {};
}

void cycle_finder::extend(acquire_history const& history, candidate& one, std::uint32_t entries) {
  if (!one.open) return;
  std::uint32_t const rest = one.wanted - std::min(one.wanted, one.matched);
  std::uint32_t const most = one.period <= work_a_call_ ? rest : std::min(rest, std::max(entries, work_a_call_));
  std::uint32_t const count = repeats(history, one.period, most, one.matched);
  one.matched += count;
  one.open = count == most && one.matched < one.wanted;
}

}  // namespace tierpager
