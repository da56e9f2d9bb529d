#include <tests/core/residency/simulation/shadow_device.hpp>

#include <algorithm>

namespace tierpager::simulation {
namespace {

bool overlap(byte_range left, byte_range right) { return left.offset < right.end() && right.offset < left.end(); }

std::string text(byte_range range) {
  return "[" + std::to_string(range.offset) + ", " + std::to_string(range.end()) + ")";
}

}  // namespace

void broken(std::string const& what) { throw violation(what); }

shadow_device::shadow_device(std::uint64_t vram_bytes, std::uint64_t ram_bytes) : vram_(vram_bytes), ram_(ram_bytes) {}

void shadow_device::need_inside(tier where, byte_range range, char const* who) const {
  if (range.bytes == 0 || range.end() < range.offset || range.end() > cells(where).size()) {
    broken(std::string(who) + " of " + text(range) + ", not inside the " + std::string(name_of(where)) + " arena");
  }
}

/// Nobody reads, writes or holds the range, and the core can know it.
void shadow_device::need_untouched(tier where, byte_range range, char const* who) const {
  std::string const at = std::string(who) + " of " + std::string(name_of(where)) + " " + text(range) + " ";
  for (std::uint64_t i = range.offset; i < range.end(); ++i) {
    cell const& each = cells(where)[i];
    if (each.remapping) broken(at + "while a remap of it is under way");
    if (each.reading) broken(at + "while a read into it is under way");
    if (each.holds > 0) broken(at + "while a handle holds it");
  }
  for (hazard const& each : hazards_) {
    if (each.where == where && overlap(each.range, range) && !known(each.cover)) {
      broken(at + "before fence " + std::to_string(each.cover.stream) + ":" + std::to_string(each.cover.sequence) +
             " is known to have passed");
    }
  }
}

void shadow_device::read_started(read_command const& command) {
  byte_range const range{command.ram_offset, command.in_tensor.bytes};
  need_inside(tier::ram, range, "read");
  if (!usable(tier::ram, range)) broken("read into RAM " + text(range) + ", which is not committed");
  need_untouched(tier::ram, range, "read");
  for (std::uint64_t i = range.offset; i < range.end(); ++i) {
    ram_[i].reading = true;
    ram_[i].tensor = nothing;
  }
}

void shadow_device::read_finished(read_command const& command, bool ok) {
  for (std::uint64_t i = 0; i < command.in_tensor.bytes; ++i) {
    cell& each = ram_[command.ram_offset + i];
    each.reading = false;
    if (!ok) continue;
    each.tensor = static_cast<std::uint32_t>(index_of(command.tensor));
    each.at = static_cast<std::uint32_t>(command.in_tensor.offset + i);
  }
}

std::uint64_t shadow_device::copy_emitted(copy_command const& command) {
  byte_range const from{command.ram_offset, command.bytes};
  byte_range const to{command.vram_offset, command.bytes};
  need_inside(tier::ram, from, "copy");
  need_inside(tier::vram, to, "copy");
  if (!usable(tier::ram, from)) broken("copy from RAM " + text(from) + ", which is not committed");
  if (!usable(tier::vram, to)) broken("copy into VRAM " + text(to) + ", which is not committed");
  std::uint32_t const first = ram_[from.offset].at;
  for (std::uint64_t i = 0; i < command.bytes; ++i) {
    cell const& each = ram_[from.offset + i];
    if (each.tensor != index_of(command.tensor) || each.at != first + i)
      broken("copy from RAM " + text(from) + ", which holds other bytes");
    if (vram_[to.offset + i].holds > 0) broken("copy into VRAM " + text(to) + ", which a handle holds");
  }
  hazards_.push_back({tier::ram, from, {copy_stream, not_queued}, false});
  hazards_.push_back({tier::vram, to, {copy_stream, not_queued}, false});
  return first;
}

void shadow_device::drop_pending(copy_command const& command) {
  for (auto const& [where, offset] :
       {std::pair{tier::ram, command.ram_offset}, std::pair{tier::vram, command.vram_offset}}) {
    auto const pending =
        std::find_if(hazards_.begin(), hazards_.end(), [&, at = offset, in = where](hazard const& each) {
          return each.where == in && each.range == byte_range{at, command.bytes} && each.cover.sequence == not_queued;
        });
    hazards_.erase(pending);
  }
}

/// The copy stream waits.
void shadow_device::wait(std::vector<fence> const& after) {
  for (fence const each : after) {
    join(streams_[copy_stream].now, each);
    for (hazard& danger : hazards_) {  // a fence behind the failed call proves the order of what it left
      if (danger.cover.stream == each.stream && danger.cover.sequence <= each.sequence) danger.unproven = false;
    }
  }
}

fence shadow_device::copy_queued(copy_command const& command) {
  drop_pending(command);
  stream_state& stream = streams_[copy_stream];
  byte_range const to{command.vram_offset, command.bytes};
  wait(command.after);
  for (hazard const& each : hazards_) {
    if (each.where != tier::vram || !overlap(each.range, to) || known(each.cover)) continue;
    bool const in_order =
        each.cover.stream == copy_stream ? !each.unproven : stream.now[each.cover.stream] >= each.cover.sequence;
    if (!in_order) {
      broken("copy into VRAM " + text(to) + " not ordered behind fence " + std::to_string(each.cover.stream) + ":" +
             std::to_string(each.cover.sequence) + " of an earlier use of " + text(each.range));
    }
  }
  push_copy(command);
  fence const done = record(copy_stream);
  hazards_.push_back({tier::ram, {command.ram_offset, command.bytes}, done, false});
  hazards_.push_back({tier::vram, to, done, false});
  return done;
}

void shadow_device::copy_failed(copy_command const& command, bool maybe_queued, bool queued) {
  drop_pending(command);
  if (!maybe_queued) return;  // it may have been a wait that failed
  wait(command.after);
  if (queued) push_copy(command);
  fence const next{copy_stream, streams_[copy_stream].now[copy_stream] + 1};
  hazards_.push_back({tier::ram, {command.ram_offset, command.bytes}, next, true});
  hazards_.push_back({tier::vram, {command.vram_offset, command.bytes}, next, true});
}

void shadow_device::push_copy(copy_command const& command) {
  streams_[copy_stream].queue.push_back({.what = operation::kind::copy,
                                         .tensor = command.tensor,
                                         .ram_offset = command.ram_offset,
                                         .vram = {command.vram_offset, command.bytes},
                                         .waits = command.after});
}

void shadow_device::remap_started(remap_command const& command) {
  for (byte_range const range : command.decommits) {
    need_inside(command.where, range, "decommit");
    if (!usable(command.where, range)) broken("decommit of " + text(range) + ", which is not committed");
    need_untouched(command.where, range, "decommit");
    for (std::uint64_t i = range.offset; i < range.end(); ++i) cells(command.where)[i].remapping = true;
  }
  for (byte_range const range : command.commits) {
    need_inside(command.where, range, "commit");
    for (std::uint64_t i = range.offset; i < range.end(); ++i) {
      cell& each = cells(command.where)[i];
      if (each.committed || each.remapping)
        broken("commit of " + text(range) + ", which is committed or being remapped");
      each.remapping = true;
    }
  }
}

std::uint64_t shadow_device::remap_finished(remap_command const& command, std::size_t decommits_done,
                                            std::size_t commits_done) {
  std::uint64_t committed = committed_bytes(command.where);
  std::uint64_t most = committed;
  auto const apply = [&](std::vector<byte_range> const& ranges, std::size_t done, bool commit) {
    for (std::size_t step = 0; step < ranges.size(); ++step) {
      for (std::uint64_t i = ranges[step].offset; i < ranges[step].end(); ++i) {
        cells(command.where)[i].remapping = false;
        if (step < done) cells(command.where)[i] = {.committed = commit};
      }
      if (step < done) committed = commit ? committed + ranges[step].bytes : committed - ranges[step].bytes;
      most = std::max(most, committed);
    }
  };
  apply(command.decommits, decommits_done, false);
  apply(command.commits, commits_done, true);
  return most;
}

void shadow_device::use(tensor_id id, byte_range where, std::uint32_t stream, std::optional<fence> ready) {
  stream_state& state = streams_[stream];
  operation next{.what = operation::kind::use, .tensor = id, .vram = where};
  if (ready) next.waits.push_back(*ready);
  if (ready) join(state.now, *ready);
  for (hazard const& each : hazards_) {  // the copies that wrote these bytes
    if (each.where != tier::vram || each.cover.stream != copy_stream || !overlap(each.range, where) ||
        known(each.cover))
      continue;
    if (state.now[copy_stream] < each.cover.sequence)
      broken("the fence of " + text(where) + " does not cover the copy of " + text(each.range));
  }
  state.queue.push_back(std::move(next));
  hazards_.push_back({tier::vram, where, {stream, state.now[stream] + 1}, false});
}

fence shadow_device::record(std::uint32_t stream) {
  stream_state& state = streams_[stream];
  ++state.now[stream];
  state.fences.push_back(state.now);
  state.queue.push_back({.what = operation::kind::mark});
  return {stream, state.now[stream]};
}

bool shadow_device::covers(fence until, fence earlier) const {
  return streams_[until.stream].fences.at(until.sequence - 1)[earlier.stream] >= earlier.sequence;
}

void shadow_device::told(fence which) {
  join(known_, which);
  std::erase_if(hazards_, [&](hazard const& each) { return known(each.cover); });
}

void shadow_device::lost() {
  for (stream_state& each : streams_) each.queue.clear();
  known_.fill(not_queued - 1);
  std::erase_if(hazards_, [&](hazard const& each) { return known(each.cover); });
}

void shadow_device::join(clock& into, fence other) const {
  if (other.stream >= streams || other.sequence == 0 || other.sequence > streams_[other.stream].fences.size()) {
    broken("fence " + std::to_string(other.stream) + ":" + std::to_string(other.sequence) + " was never recorded");
  }
  clock const& from = streams_[other.stream].fences[other.sequence - 1];
  for (std::size_t i = 0; i < streams; ++i) into[i] = std::max(into[i], from[i]);
}

bool shadow_device::can_run(std::uint32_t stream) const {
  auto const& queue = streams_[stream].queue;
  return !queue.empty() && std::all_of(queue.front().waits.begin(), queue.front().waits.end(),
                                       [&](fence each) { return has_passed(each); });
}

void shadow_device::run_one(std::uint32_t stream) {
  stream_state& state = streams_[stream];
  operation const now = std::move(state.queue.front());
  state.queue.pop_front();
  if (now.what == operation::kind::mark) ++state.passed;
  if (now.what == operation::kind::copy) {
    for (std::uint64_t i = 0; i < now.vram.bytes; ++i) {
      cell const& from = ram_[now.ram_offset + i];
      cell& to = vram_[now.vram.offset + i];
      if (from.tensor != index_of(now.tensor) || !to.committed) broken("a copy ran over bytes that were taken from it");
      to.tensor = from.tensor;
      to.at = from.at;
    }
  }
  if (now.what == operation::kind::use && !holds_tensor(tier::vram, now.vram.offset, now.tensor, now.vram.bytes)) {
    broken("a kernel saw wrong bytes of tensor " + std::to_string(index_of(now.tensor)) + " at VRAM " + text(now.vram));
  }
}

void shadow_device::add_holds(tier where, byte_range range, int change) {
  for (std::uint64_t i = range.offset; i < range.end(); ++i) {
    auto& holds = cells(where).at(i).holds;
    holds = static_cast<std::uint16_t>(holds + change);
  }
}

std::uint64_t shadow_device::committed_bytes(tier where) const {
  auto const& all = cells(where);
  return static_cast<std::uint64_t>(
      std::count_if(all.begin(), all.end(), [](cell const& each) { return each.committed; }));
}

bool shadow_device::usable(tier where, byte_range range) const {
  if (range.end() > cells(where).size()) return false;
  auto const from = cells(where).begin() + static_cast<std::ptrdiff_t>(range.offset);
  return std::all_of(from, from + static_cast<std::ptrdiff_t>(range.bytes),
                     [](cell const& each) { return each.committed && !each.remapping; });
}

bool shadow_device::holds_tensor(tier where, std::uint64_t offset, tensor_id id, std::uint64_t bytes) const {
  if (offset + bytes > cells(where).size()) return false;
  for (std::uint64_t i = 0; i < bytes; ++i) {
    cell const& each = cells(where)[offset + i];
    if (each.tensor != index_of(id) || each.at != i) return false;
  }
  return true;
}

}  // namespace tierpager::simulation
