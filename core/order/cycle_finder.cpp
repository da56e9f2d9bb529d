#include <core/order/cycle_finder.hpp>

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
// come again in the same order at the same distance, and now and then the same experts are chosen; an adapter is used
// twice and then another. Each time that a period breaks off, twice as much is asked for, up to four periods.
std::uint32_t cycle_finder::enough(acquire_history const& history, std::uint32_t period, std::uint32_t followed) const {
  std::uint32_t const visible = history.capacity() - period;  // more than that cannot be seen to repeat
  std::uint64_t const extent = std::max(period, followed);
  auto const beside_followed =
      followed == 0 ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(extent * 3 / 4, visible));
  if (period == 1) return std::max(shortest_match, beside_followed);
  if (period < short_period) return std::max({period, std::min(2 * period, shortest_match), beside_followed});
  std::uint32_t failures = 0;
  for (doubted const& doubt : doubts_)
    if (doubt.period >= short_period && period % doubt.period == 0) failures = std::max(failures, doubt.failures);
  // Three failures ask for the whole period, further ones for more of them.
  std::uint64_t const eighths = std::uint64_t{std::max(short_period, period / 8)} << failures;
  std::uint64_t const most = failures > 3 ? std::uint64_t{period} << (failures - 3) : period;
  auto const wanted = static_cast<std::uint32_t>(std::min({eighths, most, std::uint64_t{visible}}));
  return std::max({short_period, period / 8, wanted, beside_followed});
}

void cycle_finder::doubt(std::uint32_t period) {
  auto found = std::ranges::find(doubts_, period, &doubted::period);
  if (found == doubts_.end()) {
    found = doubts_.end() - 1;
    *found = {period};
  }
  found->failures = std::min(found->failures + 1, failures_max);
  std::rotate(doubts_.begin(), found, found + 1);
}

void cycle_finder::trust(std::uint32_t period) {
  auto const found = std::ranges::find(doubts_, period, &doubted::period);
  if (found != doubts_.end() && found->failures != 0) --found->failures;
}

std::uint32_t cycle_finder::look(acquire_history const& history, std::uint32_t entries, std::uint32_t followed) {
  save_up(history);
  if (running_.period != 0) {
    std::uint32_t const period = running_.period;
    if (period < history.size() && history.repeats(period, entries) == entries) {
      running_.matched += entries;
      bool const whole_calls = (history.symbol(period) & call_begins) != 0;
      return whole_calls && running_.matched >= enough(history, period, followed) ? period : 0;
    }
    if (running_.matched >= shortest_match) doubt(period);
    running_ = {};
  }
  // A repetition is compared backwards, so none is missed by looking late.
  if (++fruitless_ > fruitless_calls && fruitless_ % calls_skipped != 0) return 0;
  return compare(history, entries, followed);
}

void cycle_finder::save_up(acquire_history const& history) {
  std::uint64_t const saved = std::uint64_t{history.clock() - saved_at_} * comparisons_per_entry + savings_;
  savings_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(saved, history.capacity()));
  saved_at_ = history.clock();
}

// The first period that repeats long enough. If there is none, the next calls go on with the one that matched most.
std::uint32_t cycle_finder::compare(acquire_history const& history, std::uint32_t entries, std::uint32_t followed) {
  std::uint32_t ago = history.earlier(1);
  for (std::uint32_t tried = 0; ago != 0 && tried < occurrences_tried; ++tried, ago = history.earlier(ago)) {
    std::uint32_t const period = ago - 1;
    std::uint32_t const wanted = std::max(enough(history, period, followed), entries);
    std::uint32_t const matched = history.repeats(period, std::min(wanted, savings_));
    savings_ -= matched;
    if (matched >= entries && matched > running_.matched) running_ = {period, matched};
    if (matched >= wanted && (history.symbol(period) & call_begins) != 0) {
      running_ = {period, matched};
      return period;
    }
  }
  return 0;
}

}  // namespace tierpager
