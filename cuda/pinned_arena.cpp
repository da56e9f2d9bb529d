#include <cuda/pinned_arena.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <cuda/call_guard.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t granule_bytes_min = 4096;
// A cut lets copies pass while it waits for those before them, so often; and then holds new ones back for so many questions, of 20
// microseconds or more each.
constexpr unsigned rounds_max = 8;
constexpr unsigned polls_held_back = 2500;

bool overlap(byte_range a, byte_range b) { return a.offset < b.end() && b.offset < a.end(); }

std::string text_of(byte_range range) {
  return std::to_string(range.bytes) + " bytes at " + std::to_string(range.offset) + " of the RAM arena";
}

std::vector<byte_range> in_pieces(byte_range range, std::uint64_t bytes_max) {
  std::vector<byte_range> pieces;
  for (std::uint64_t at = range.offset; at < range.end(); at += bytes_max)
    pieces.push_back({at, std::min(bytes_max, range.end() - at)});
  return pieces;
}

}  // namespace

pinned_arena::pinned_arena(device_state& state, stream_table& streams, cudaStream_t copy_stream,
                           pinned_arena_options options)
    : state_(state), streams_(streams), copy_stream_(copy_stream), options_(options) {}

pinned_arena::~pinned_arena() {
  for (auto const& [offset, one] : segments_)
    if (one.registered) (void)cudaHostUnregister(base() + offset);
  for (byte_range each : stuck_) (void)cudaHostUnregister(base() + each.offset);
}

result<std::optional<failure>> pinned_arena::why_no_page_lock(device_state& state) {
  host_pages probe;
  auto const page = probe.reserve(probe.page_bytes());
  if (!page.ok()) return page.error();
  byte_range const all{0, probe.page_bytes()};
  if (status there = probe.commit(all, touch_pages::yes); !there.ok()) return there.error();
  cudaError_t const code = cudaHostRegister(*page, all.bytes, cudaHostRegisterPortable);
  if (code == cudaSuccess) {
    if (cudaHostUnregister(*page) != cudaSuccess) (void)cudaHostUnregister(*page);
    return std::optional<failure>();
  }
  return std::optional(state.fail(code, "cudaHostRegister"));
}

std::uint64_t pinned_arena::granule_bytes() const { return std::max(granule_bytes_min, pages_.page_bytes()); }

result<std::byte*> pinned_arena::reserve(std::uint64_t bytes) {
  if (base() != nullptr) return state_.refuse(errc::invalid_argument, "the RAM arena is reserved already");
  return pages_.reserve(bytes);
}

status pinned_arena::check(byte_range range) const {
  bool const whole = range.offset % granule_bytes() == 0 && range.bytes % granule_bytes() == 0;
  if (whole && range.offset <= pages_.bytes() && range.bytes <= pages_.bytes() - range.offset) return {};
  return state_.refuse(errc::invalid_argument, "no granules: " + text_of(range));
}

pinned_arena::segment_map::iterator pinned_arena::first_overlapping(byte_range range) {
  auto const after = segments_.upper_bound(range.offset);
  if (after != segments_.begin() && std::prev(after)->second.end > range.offset) return std::prev(after);
  return after;
}

bool pinned_arena::holds(byte_range range) const {
  std::uint64_t reached = range.offset;
  auto at = segments_.upper_bound(range.offset);
  if (at != segments_.begin()) --at;
  for (; at != segments_.end() && at->first <= reached && reached < range.end(); ++at)
    reached = std::max(reached, at->second.end);
  return reached >= range.end();
}

bool pinned_arena::covers(byte_range range) const {
  std::scoped_lock const lock(mutex_);
  return range.bytes <= ~range.offset && holds(range);
}

status pinned_arena::register_pages(byte_range range) {
  relaxed_capture const relaxed;
  cudaError_t const code = cudaHostRegister(base() + range.offset, range.bytes, cudaHostRegisterPortable);
  if (code == cudaSuccess) return {};
  failure why = state_.fail(code, "cudaHostRegister");
  // It worked for the first page: what it refuses now is more.
  if (why.code == errc::device_failed) why.code = errc::out_of_memory;
  why.what += " for " + text_of(range);
  return why;
}

status pinned_arena::unregister_pages(byte_range range) {
  relaxed_capture const relaxed;
  return state_.check(cudaHostUnregister(base() + range.offset), "cudaHostUnregister");
}

// What earlier calls could not do.
void pinned_arena::repair() {
  std::erase_if(stuck_, [&](byte_range each) { return unregister_pages(each).ok() && pages_.give_back(each).ok(); });
  if (unlocked_ == 0) return;
  std::vector<byte_range> unlocked;
  {
    std::scoped_lock const lock(mutex_);
    for (auto const& [offset, one] : segments_)
      if (!one.registered) unlocked.push_back({offset, one.end - offset});
  }
  for (byte_range each : unlocked)
    if (register_pages(each).ok()) put_back(each, true);
}

status pinned_arena::commit(byte_range range) {
  if (status fits = check(range); !fits.ok()) return fits;
  if (range.bytes == 0) return {};
  repair();
  {
    std::scoped_lock const lock(mutex_);
    auto const found = first_overlapping(range);
    if (found != segments_.end() && found->first < range.end())
      return state_.refuse(errc::invalid_argument, "committed already in part: " + text_of(range));
  }
  if (std::ranges::any_of(stuck_, [&](byte_range each) { return overlap(each, range); }))
    return state_.refuse(errc::device_failed, "an earlier registration cannot be undone: " + text_of(range));
  if (status done = pages_.commit(range, options_.page_lock ? touch_pages::yes : touch_pages::no); !done.ok())
    return done;
  std::vector<byte_range> const pieces = in_pieces(range, options_.segment_bytes_max);
  std::vector<byte_range> registered;
  if (options_.page_lock) {
    for (byte_range piece : pieces) {
      if (status done = register_pages(piece); !done.ok()) {
        undo_commit(range, registered);
        return done;
      }
      registered.push_back(piece);
    }
  }
  std::scoped_lock const lock(mutex_);
  for (byte_range piece : pieces)
    segments_.emplace(piece.offset, segment{.end = piece.end(), .registered = options_.page_lock});
  return {};
}

// Pages that are still registered stay: the driver knows them by place.
void pinned_arena::undo_commit(byte_range range, std::vector<byte_range> const& registered) {
  std::uint64_t reached = range.offset;
  for (byte_range piece : registered) {
    reached = piece.end();
    if (unregister_pages(piece).ok())
      (void)pages_.give_back(piece);
    else
      stuck_.push_back(piece);
  }
  if (reached < range.end()) (void)pages_.give_back({reached, range.end() - reached});
}

result<pinned_arena::copies_under_way> pinned_arena::look_or_claim(byte_range range, std::uint64_t passed,
                                                                   std::vector<byte_range>& claimed) {
  std::scoped_lock const lock(mutex_);
  if (!holds(range)) return state_.refuse(errc::invalid_argument, "not committed: " + text_of(range));
  copies_under_way seen;
  auto const first = first_overlapping(range), last = segments_.lower_bound(range.end());
  for (auto at = first; at != last; ++at) {
    seen.last_copy = std::max(seen.last_copy, at->second.last_copy);
    seen.unsettled = seen.unsettled || at->second.failed != at->second.settled;
    seen.queueing = seen.queueing || at->second.copies != 0;
  }
  if (seen.queueing || seen.unsettled || seen.last_copy > passed) return seen;
  for (auto at = first; at != last; ++at) {
    at->second.being_cut = true;
    claimed.push_back({at->first, at->second.end - at->first});
  }
  return seen;
}

// A fence behind copies of which it is not known whether they were queued. Another may fail meanwhile, and be queued behind it.
status pinned_arena::settle(byte_range range) {
  std::vector<unsigned> failed;
  auto const each_segment = [&](auto const& what) {
    std::scoped_lock const lock(mutex_);
    for (auto at = first_overlapping(range); at != segments_.end() && at->first < range.end(); ++at) what(at->second);
  };
  each_segment([&](segment const& piece) { failed.push_back(piece.failed); });
  auto const behind = streams_.record(copy_stream_);
  if (!behind.ok()) return behind.error();
  std::size_t next = 0;
  each_segment([&](segment& piece) {
    piece.last_copy = std::max(piece.last_copy, behind->sequence);
    piece.settled = failed[next++];
  });
  return {};
}

void pinned_arena::hold_back(byte_range range, bool held) {
  std::scoped_lock const lock(mutex_);
  for (auto at = first_overlapping(range); at != segments_.end() && at->first < range.end(); ++at)
    at->second.held_back = held;
}

// Takes the range's segments out of copies' reach, once the copies queued from them have run. New ones may be queued
// until then: a wait for room in RAM must not hold up a copy that is already there. But while copies keep coming
// there is no such moment. So after some rounds new ones are held back, for a while: what is under way ends soon, unless it waits
// for work that itself waits for a copy to come, which then comes.
status pinned_arena::claim_quiet(byte_range range, std::vector<byte_range>& claimed) {
  std::uint64_t passed = 0, awaited = 0;  // a round waits for the last copy that there was when it began
  unsigned rounds = 0, polls = 0;
  status outcome;
  bool held = false;
  while (claimed.empty() && outcome.ok()) {
    auto const seen = look_or_claim(range, passed, claimed);
    if (!seen.ok()) {
      outcome = seen.error();
    } else if (claimed.empty() && seen->unsettled && !seen->queueing) {
      outcome = settle(range);
    } else if (claimed.empty()) {
      if (awaited <= passed) awaited = seen->last_copy;
      auto const over = seen->queueing ? result<bool>(false) : streams_.passed({.stream = 0, .sequence = awaited});
      if (!over.ok()) {
        outcome = over.error();
      } else if (*over) {
        passed = awaited;
        ++rounds;
      } else {
        pause_between_polls();
        ++polls;
      }
    }
    bool const hold = held ? polls < polls_held_back : rounds >= rounds_max;
    if (hold != held) {
      hold_back(range, hold);
      held = hold;
      rounds = polls = 0;
    }
  }
  if (held) hold_back(range, false);
  return outcome;
}

// A claimed segment is a segment again; copies go on.
void pinned_arena::put_back(byte_range claimed, bool registered) {
  std::scoped_lock const lock(mutex_);
  segment& piece = segments_.at(claimed.offset);
  piece.being_cut = false;
  if (piece.registered != registered) registered ? --unlocked_ : ++unlocked_;
  piece.registered = registered;
}

// All or, as far as the driver lets it, none.
status pinned_arena::unregister_all(std::vector<byte_range> const& claimed) {
  if (!options_.page_lock) return {};
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    bool registered = false;
    {
      std::scoped_lock const lock(mutex_);
      registered = segments_.at(claimed[i].offset).registered;
    }
    status done = registered ? unregister_pages(claimed[i]) : status();
    if (done.ok()) continue;
    for (std::size_t k = 0; k < i; ++k) put_back(claimed[k], register_pages(claimed[k]).ok());
    put_back(claimed[i], true);
    for (std::size_t k = i + 1; k < claimed.size(); ++k) {
      std::scoped_lock const lock(mutex_);
      segments_.at(claimed[k].offset).being_cut = false;
    }
    return done;
  }
  return {};
}

// What stays on either side is registered again before copies may use it. Where that is refused it stays plain memory,
// from which copies are right but may hold the caller up, until a later commit or decommit has registered it.
void pinned_arena::replace(std::vector<byte_range> const& claimed, byte_range cut) {
  std::vector<std::pair<byte_range, bool>> remainders;
  for (byte_range each : claimed) {
    if (each.offset < cut.offset) remainders.push_back({{each.offset, cut.offset - each.offset}, false});
    if (each.end() > cut.end()) remainders.push_back({{cut.end(), each.end() - cut.end()}, false});
  }
  if (options_.page_lock)
    for (auto& [range, registered] : remainders) registered = register_pages(range).ok();
  std::scoped_lock const lock(mutex_);
  for (byte_range each : claimed) {
    auto const at = segments_.find(each.offset);
    if (options_.page_lock && !at->second.registered) --unlocked_;
    segments_.erase(at);
  }
  for (auto const& [range, registered] : remainders) {
    segments_.emplace(range.offset, segment{.end = range.end(), .registered = registered});
    if (options_.page_lock && !registered) ++unlocked_;
  }
}

status pinned_arena::decommit(byte_range range) {
  if (status fits = check(range); !fits.ok()) return fits;
  if (range.bytes == 0) return {};
  repair();
  std::vector<byte_range> claimed;
  if (status done = claim_quiet(range, claimed); !done.ok()) return done;
  if (status done = unregister_all(claimed); !done.ok()) return done;
  if (status done = pages_.give_back(range); !done.ok()) {
    for (byte_range each : claimed) put_back(each, options_.page_lock && register_pages(each).ok());
    return done;
  }
  replace(claimed, range);
  return {};
}

// A copy's pieces end where segments do: one cudaMemcpyAsync never spans two registrations. While its calls are being
// made the segments cannot be claimed, so a piece stays within one registration; what was queued is waited for before
// that registration is undone. A live range never overlaps one that is given back, so a cut only makes boundaries finer.
result<std::vector<byte_range>> pinned_arena::begin_copy(byte_range range) {
  for (;; pause_between_polls()) {
    std::scoped_lock const lock(mutex_);
    if (range.bytes > ~range.offset || !holds(range))
      return state_.refuse(errc::device_failed, "a copy from what is not committed: " + text_of(range));
    auto const first = first_overlapping(range);
    auto const last = range.bytes == 0 ? first : segments_.lower_bound(range.end());
    if (std::any_of(first, last, [](auto const& each) { return each.second.being_cut || each.second.held_back; }))
      continue;
    std::vector<byte_range> pieces;
    for (auto at = first; at != last; ++at) {
      std::uint64_t const from = std::max(range.offset, at->first);
      pieces.push_back({from, std::min(range.end(), at->second.end) - from});
      ++at->second.copies;
    }
    return pieces;
  }
}

void pinned_arena::end_copy(std::vector<byte_range> const& pieces, std::optional<fence> queued) {
  std::scoped_lock const lock(mutex_);
  for (byte_range piece : pieces) {
    segment& each = first_overlapping(piece)->second;
    --each.copies;
    if (queued)
      each.last_copy = std::max(each.last_copy, queued->sequence);
    else
      ++each.failed;
  }
}

}  // namespace tierpager
