#include <core/residency/state_dump.hpp>

#include <algorithm>
#include <string_view>

#include <core/owner.hpp>

namespace tierpager {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

std::string named(std::string_view name, std::uint64_t number) { return " " + std::string(name) + "=" + text(number); }

std::string flag(std::string_view name, bool set) { return set ? " " + std::string(name) : ""; }

std::string tier_line(ledger const& now, tier where) {
  tier_budget const& budget = now.budget[where];
  tier_memory const& memory = now.memory[where];
  slot_table::sums const& sum = now.slots.sum(where);
  return std::string(name_of(where)) + named("target", budget.target_bytes()) + named("limit", budget.limit_bytes()) +
         named("committed", memory.arena().committed_bytes()) + named("allocated", memory.arena().allocated_bytes()) +
         named("resident", sum.resident_bytes) + named("lasting", sum.lasting_bytes) +
         named("coming", sum.coming_bytes) + named("pinned", sum.pinned_bytes) +
         named("quarantined", memory.quarantined_bytes()) + flag("remaps", memory.remaps()) +
         flag("grows", memory.grows()) + "\n";
}

std::string slot_line(ledger const& now, tensor_id id, tier where) {
  constexpr std::string_view states[] = {"absent", "loading", "resident"};
  slot const& tensor = now.slots.at(id, where);
  if (tensor.state == slot_state::absent && tensor.uses == 0 && !tensor.pinned && !tensor.unproven) return "";
  return "  " + std::string(name_of(where)) + " '" + now.tensors[id].name + "' " +
         std::string(states[static_cast<std::size_t>(tensor.state)]) + named("at", tensor.range.offset) +
         named("bytes", tensor.footprint_bytes) + named("uses", tensor.uses) + flag("pinned", tensor.pinned) +
         flag("fixed", tensor.fixed) + flag("streamed", tensor.streamed) + flag("ahead", tensor.ahead) +
         flag("copying", tensor.copying) + flag("unproven", tensor.unproven) + "\n";
}

std::string load_line(ledger const& now, tensor_id id, load const& coming) {
  return "  load of '" + now.tensors[id].name + "'" + flag("to_vram", coming.to_vram) +
         flag("from_ram", coming.from_ram) + flag("ahead", coming.ahead) + flag("starved", coming.starved) +
         flag("waits_for_stage", coming.in_ram.waits) + flag("staged", coming.in_ram.ready) +
         flag("buffered", coming.in_ram.buffered) + flag("placed", coming.placed) +
         flag("reads_out", coming.chunks.reads_out()) + flag("copies_out", coming.chunks.copies_out()) +
         named("read", coming.chunks.bytes_read()) + named("copied", coming.chunks.bytes_copied()) +
         named("waiters", coming.waiters.size()) + (coming.failed ? " failed: " + coming.failed->what : "") + "\n";
}

std::string request_line(ledger const& now, request_id id, request const& asked) {
  std::string line = "  request " + text(static_cast<std::uint64_t>(id)) + " of " + describe(asked.owner) + " in " +
                     std::string(name_of(asked.where)) + (asked.admitted ? " admitted" : " waits for room") +
                     named("missing", asked.missing) + ":";
  for (tensor_id const each : asked.ids) line += " '" + now.tensors[each].name + "'";
  return line + "\n";
}

}  // namespace

std::string state_dump(ledger const& now, load_table const& loads, request_book const& book) {
  std::string all;
  for (tier const where : both_tiers) {
    all += tier_line(now, where);
    for (std::size_t i = 0; i < now.slots.size(); ++i) all += slot_line(now, static_cast<tensor_id>(i), where);
  }
  std::vector<tensor_id> under_way;
  for (auto const& [id, coming] : loads.all()) under_way.push_back(id);
  std::ranges::sort(under_way);
  for (tensor_id const id : under_way) all += load_line(now, id, *loads.find(id));
  for (auto const& [id, asked] : book.requests) all += request_line(now, id, asked);
  return all;
}

}  // namespace tierpager
