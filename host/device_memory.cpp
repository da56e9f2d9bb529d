#include <host/device_memory.hpp>

#include <algorithm>
#include <utility>

namespace tierpager {

void device_memory::open() {
  reserve();
  commit();
  byte_range const scratch = core_->scratch();
  scratch_ = {vram_base_ + scratch.offset, scratch.bytes};
}

void device_memory::reserve() {
  for (tier where : {tier::vram, tier::ram}) {
    if (core_->reserve_bytes(where) == 0) continue;
    auto reserved = device_.reserve(where, core_->reserve_bytes(where));
    while (!reserved.ok() && reserved.error().code == errc::out_of_memory && core_->reserve_less(where))
      reserved = device_.reserve(where, core_->reserve_bytes(where));
    (where == tier::vram ? vram_base_ : ram_base_) = value_or_throw(reserved);
  }
}

// All of VRAM, before anything else happens; where pieces can be had, as much as the system gives. RAM comes while the pager
// works.
void device_memory::commit() {
  std::vector<command> asked;
  for (core_->take_commands(asked); !asked.empty(); core_->take_commands(asked)) {
    for (command const& next : std::exchange(asked, {})) {
      auto const& remap = std::get<remap_command>(next);
      if (remap.where == tier::ram && device_.can_remap(tier::ram))
        remaps_.push_back(remap);
      else
        commit_now(remap);
    }
  }
}

void device_memory::commit_now(remap_command const& asked) {
  std::size_t committed = 0;
  status outcome;
  while (outcome.ok() && committed < asked.commits.size()) {
    outcome = device_.commit(asked.where, asked.commits[committed]);
    if (outcome.ok()) ++committed;
  }
  bool const refused = !outcome.ok() && outcome.error().code == errc::out_of_memory;
  bool const nothing = committed == 0 && asked.commits.front().offset == 0;
  if (!refused || !device_.can_remap(asked.where) || (nothing && core_->scratch().bytes > 0)) value_or_throw(outcome);
  core_->remapped(asked.where, 0, committed, outcome);
  if (nothing && refused && !core_->has_commands()) value_or_throw(outcome);
}

void device_memory::run_next() {
  remap_command const next = std::move(remaps_.front());
  remaps_.pop_front();
  run(next);
}

void device_memory::run(remap_command const& next) {
  core_.unlock();
  std::size_t decommitted = 0;
  std::size_t committed = 0;
  status outcome;
  while (outcome.ok() && decommitted < next.decommits.size()) {
    outcome = device_.decommit(next.where, next.decommits[decommitted]);
    if (outcome.ok()) ++decommitted;
  }
  while (outcome.ok() && committed < next.commits.size()) {
    outcome = device_.commit(next.where, next.commits[committed]);
    if (outcome.ok()) ++committed;
  }
  core_.lock();
  core_->remapped(next.where, decommitted, committed, outcome);
  if (!outcome.ok()) core_.tell_if_lost(outcome.error());
  core_.dispatch();
  if (!outcome.ok()) warnings_.of_refusals();
  if (next.where == tier::ram) warnings_.of_unlocked_ram();
  for (condition* const each : resizers_) each->notify_one();
}

void device_memory::wait_for_budget(tier where) {
  condition resized;
  while (core_->resizing(where) && !core_.closed()) {
    auto const next = std::ranges::find(remaps_, where, &remap_command::where);
    if (next != remaps_.end()) {
      remap_command const mine = std::move(*next);
      remaps_.erase(next);
      run(mine);
    } else {
      resizers_.push_back(&resized);
      resized.wait(core_.mutex());
      std::erase(resizers_, &resized);
    }
  }
}

}  // namespace tierpager
