#include <core/residency/slot_table.hpp>

#include <cassert>

namespace tierpager {

std::vector<tensor_id> distinct(std::span<tensor_id const> ids) {
  std::vector<tensor_id> each(ids.begin(), ids.end());
  std::sort(each.begin(), each.end());
  each.erase(std::unique(each.begin(), each.end()), each.end());
  return each;
}

slot_table::slot_table(catalog const& tensors, std::uint64_t vram_align, std::uint64_t ram_align)
    : rest_(tensors.size()) {
  for (tier const where : {tier::vram, tier::ram}) {
    table& of = in(where);
    of.slots.resize(tensors.size());
    std::vector<std::uint64_t> footprints(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      slot& tensor = of.slots[i];
      tensor.bytes = tensors.infos()[i].bytes;
      tensor.footprint_bytes = footprints[i] = round_up(tensor.bytes, where == tier::vram ? vram_align : ram_align);
      ++of.unpinned[tensor.footprint_bytes];
      if (tensor.bytes == 0) tensor.state = slot_state::resident;
    }
    of.footprints = std::make_shared<std::vector<std::uint64_t> const>(std::move(footprints));
  }
}

// What the slot counts for; no longer, before it changes.
void slot_table::count(sums& sum, slot const& tensor) {
  if (held(tensor)) ++sum.held_tensors;
  if (lasting(tensor)) sum.lasting_bytes += tensor.footprint_bytes;
  if (coming(tensor)) sum.coming_bytes += tensor.footprint_bytes;
  if (tensor.state != slot_state::resident) return;
  sum.resident_bytes += tensor.bytes;
  ++sum.resident_tensors;
}

void slot_table::uncount(sums& sum, slot const& tensor) {
  if (held(tensor)) --sum.held_tensors;
  if (lasting(tensor)) sum.lasting_bytes -= tensor.footprint_bytes;
  if (coming(tensor)) sum.coming_bytes -= tensor.footprint_bytes;
  if (tensor.state != slot_state::resident) return;
  sum.resident_bytes -= tensor.bytes;
  --sum.resident_tensors;
}

void slot_table::end_use(tensor_id id, tier where) {
  table& of = in(where);
  slot& tensor = of.slots[index_of(id)];
  assert(tensor.uses > 0);
  --tensor.uses;
  if (lasting(tensor)) return;
  of.sum.lasting_bytes -= tensor.footprint_bytes;
  if (tensor.state == slot_state::loading)
    of.sum.coming_bytes += tensor.footprint_bytes;
  else
    --of.sum.held_tensors;
}

void slot_table::set_copied(tensor_id id, std::optional<fence> until) {
  in(tier::vram).slots[index_of(id)].copying = until.has_value();
  rest_[index_of(id)].copied = until.value_or(fence{});
}

void slot_table::set_absent(tensor_id id, tier where) {
  change(id, where, [](slot& tensor) {
    tensor.state = slot_state::absent;
    tensor.copying = false;
    tensor.streams = used_by::none;
  });
}

void slot_table::add_last_use(tensor_id id, fence last_use, fence_clock const& fences) {
  slot& tensor = in(tier::vram).slots[index_of(id)];
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(tensor.streams), tensor.last_streams.size()); ++i) {
    if (tensor.last_streams[i] != last_use.stream) continue;
    tensor.last_sequences[i] = std::max(tensor.last_sequences[i], last_use.sequence);
    return;
  }
  if (!fences.known_passed(last_use)) add_stream(id, last_use, fences);
}

// Another stream than the slot's two, though maybe one of those beyond. What is over by now is forgotten.
void slot_table::add_stream(tensor_id id, fence last_use, fence_clock const& fences) {
  slot& tensor = in(tier::vram).slots[index_of(id)];
  std::vector<fence>& uses = rest_[index_of(id)].last_uses;
  if (tensor.streams != used_by::several) uses.clear();
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(tensor.streams), tensor.last_streams.size()); ++i)
    uses.push_back({.stream = tensor.last_streams[i], .sequence = tensor.last_sequences[i]});
  std::erase_if(uses, [&](fence each) {
    if (each.stream == last_use.stream) last_use.sequence = std::max(last_use.sequence, each.sequence);
    return each.stream == last_use.stream || fences.known_passed(each);
  });
  uses.push_back(last_use);
  tensor.streams = static_cast<used_by>(std::min(uses.size(), std::size_t{3}));
  for (std::size_t i = 0; i < tensor.last_streams.size() && !uses.empty(); ++i) {
    tensor.last_streams[i] = uses.back().stream;
    tensor.last_sequences[i] = uses.back().sequence;
    uses.pop_back();
  }
}

std::vector<fence> slot_table::last_uses(tensor_id id) const {
  std::vector<fence> uses;
  (void)any_last_use(id, [&](fence each) { return uses.push_back(each), false; });
  return uses;
}

void slot_table::set_pinned(tensor_id id, tier where, bool pinned) {
  table& of = in(where);
  slot& tensor = of.slots[index_of(id)];
  std::uint64_t const bytes = tensor.footprint_bytes;
  tensor.pinned = pinned;
  if (pinned) {
    of.sum.pinned_bytes += bytes;
    if (auto const alike = of.unpinned.find(bytes); --alike->second == 0) of.unpinned.erase(alike);
  } else {
    of.sum.pinned_bytes -= bytes;
    ++of.unpinned[bytes];
  }
}

void slot_table::set_range(tensor_id id, tier where, byte_range range) {
  table& of = in(where);
  slot& tensor = of.slots[index_of(id)];
  if (tensor.range.bytes > 0) of.places.erase(tensor.range.offset);
  if (range.bytes > 0) of.places.emplace(range.offset, tenant{id, range});
  tensor.range = range;
}

void slot_table::add_buffer(tensor_id id, byte_range range) {
  in(tier::ram).places.emplace(range.offset, tenant{id, range});
  ++buffers_;
}

void slot_table::remove_buffer(byte_range range) {
  in(tier::ram).places.erase(range.offset);
  --buffers_;
}

void slot_table::set_ahead(tensor_id id, bool ahead) {
  slot& tensor = in(tier::vram).slots[index_of(id)];
  assert(tensor.ahead != ahead);
  tensor.ahead = ahead;
  if (ahead) {
    ahead_.push_back(id);
    ahead_bytes_ += tensor.footprint_bytes;
  } else {
    std::erase(ahead_, id);
    ahead_bytes_ -= tensor.footprint_bytes;
  }
}

void slot_table::check_tier(tier where, std::uint64_t scratch_bytes) const {
  table const& of = in(where);
  sums sum;
  std::map<std::uint64_t, std::uint32_t> unpinned;
  std::size_t places = 0;
  for (std::size_t i = 0; i < of.slots.size(); ++i) {
    slot const& tensor = of.slots[i];
    assert(tensor.state != slot_state::resident || tensor.range.bytes == tensor.footprint_bytes);
    assert(!tensor.ahead || (where == tier::vram && tensor.uses == 0 && tensor.state != slot_state::absent));
    if (tensor.pinned) sum.pinned_bytes += tensor.footprint_bytes;
    if (!tensor.pinned) ++unpinned[tensor.footprint_bytes];
    count(sum, tensor);
    if (tensor.footprint_bytes == 0) --sum.resident_tensors;  // never counted
    if (tensor.range.bytes == 0) continue;
    ++places;
    assert(of.places.at(tensor.range.offset).id == static_cast<tensor_id>(i));
  }
  if (where == tier::vram) sum.lasting_bytes += scratch_bytes;
  assert(sum.lasting_bytes == of.sum.lasting_bytes && sum.coming_bytes == of.sum.coming_bytes);
  assert(sum.pinned_bytes == of.sum.pinned_bytes && unpinned == of.unpinned);
  assert(sum.resident_tensors == of.sum.resident_tensors && sum.resident_bytes == of.sum.resident_bytes);
  assert(of.places.size() == places + (where == tier::ram ? buffers_ : 0));
}

void slot_table::check(std::uint64_t scratch_bytes) const {
  for (tier const where : {tier::vram, tier::ram}) check_tier(where, scratch_bytes);
  std::uint64_t bytes = 0;
  for (tensor_id const id : ahead_) {
    assert(at(id, tier::vram).ahead);
    bytes += footprint(id, tier::vram);
  }
  assert(bytes == ahead_bytes_);
}

}  // namespace tierpager
