#include <tests/core/residency/simulation/naive_model.hpp>
#include <tests/core/residency/simulation/naive_model_text.hpp>

namespace tierpager::simulation {

void naive_model::check_at_rest() const {
  if (!waiting_.empty())
    broken("request " + text(static_cast<std::uint64_t>(waiting_.begin()->first)) + " waits for ever");
  if (lost_) return;
  if (!core_.idle()) broken("not idle although nothing is pending, held or waiting");
  statistics const now = core_.stats();
  // An acquire counts when it is admitted, so one that was rejected before its read began counts more than was read.
  bool const exact = now.failed_loads == 0 && !rejected_any_;
  if (now.bytes_to_device != copy_done_ || now.bytes_from_disk != read_done_) broken("bytes are miscounted at rest");
  if (now.failed_loads == 0 && !any_ahead_ &&
      (now.disk_reads < loads_started_ || (exact && now.disk_reads > loads_started_)))
    broken(text(now.disk_reads) + " disk_reads are reported, there were " + text(loads_started_));
  if (now.acquires != now.vram_hits + now.ram_hits + now.disk_reads) broken("the acquires do not add up");
  for (tier const where : both_tiers) {
    if (!options_of(where).present) continue;
    tier_statistics const& stats = of(now, where);
    if (stats.pending_bytes != 0 && !memory_stuck_) broken(text(where) + " still has bytes to give back");
    if (stats.effective_bytes > budget_of(where) && !setup_.options.overcommit_pins && !memory_stuck_)
      broken(text(where) + "'s old budget binds for ever");
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      if (core_.uses(tensor_id{i}, where) != 0) broken(text(tensor_id{i}) + " has uses left over");
    }
  }
}

}  // namespace tierpager::simulation
