#include <tests/core/plan/plan_checker.hpp>

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace tierpager::test {
namespace {

bool overlap(byte_range left, byte_range right) { return left.offset < right.end() && right.offset < left.end(); }

bool streams(memory_plan const& plan, std::size_t tensor) {
  return plan.homes[tensor] == home::ram || plan.homes[tensor] == home::file;
}

bool at(std::vector<bool> const& all, std::size_t tensor) { return !all.empty() && all[tensor]; }

void check_homes(plan_request const& request, memory_plan const& plan) {
  std::vector<bool> named(request.vram_bytes.size());
  for (order_entry const& entry : request.order.entries) named[index_of(entry.id)] = true;
  std::uint64_t vram = 0, ram = 0, file = 0, ram_pinned = 0, all_pinned = 0;
  for (std::size_t tensor = 0; tensor < named.size(); ++tensor) {
    bool const pinned = request.vram_budget_bytes != 0 && at(request.pinned_vram, tensor);
    EXPECT_EQ(plan.homes[tensor] != home::none, named[tensor] || pinned) << tensor;
    if (pinned) {
      EXPECT_EQ(plan.homes[tensor], home::vram) << tensor;
    }
    if (plan.homes[tensor] == home::vram) vram += request.vram_bytes[tensor];
    if (plan.homes[tensor] == home::ram) ram += request.ram_bytes[tensor];
    if (plan.homes[tensor] == home::file) file += request.ram_bytes[tensor];
    if (at(request.pinned_ram, tensor)) {
      all_pinned += request.ram_bytes[tensor];
      if (plan.homes[tensor] != home::ram) ram_pinned += request.ram_bytes[tensor];
    }
  }
  EXPECT_EQ(plan.resident_vram_bytes, vram);
  EXPECT_EQ(plan.resident_ram_bytes, ram);
  EXPECT_EQ(plan.file_bytes, file);
  EXPECT_LE(vram + plan.vram_buffer.bytes, request.vram_budget_bytes);
  // Pins may exceed the budget; nothing else may.
  EXPECT_LE(ram + ram_pinned + plan.ram_buffer_bytes, std::max(request.ram_budget_bytes, all_pinned));
}

void check_places(plan_request const& request, memory_plan const& plan) {
  std::uint64_t bits = request.vram_space.offset | request.vram_space.bytes;  // whole granules, as sizes are
  for (std::uint64_t const size : request.vram_bytes) bits |= size;
  for (byte_range const now : request.vram_now) bits |= now.offset;
  std::uint64_t const granule_bytes = std::max<std::uint64_t>(bits & (~bits + 1), 1);
  std::vector<byte_range> taken;
  if (plan.vram_buffer.bytes != 0) taken.push_back(plan.vram_buffer);
  for (std::size_t tensor = 0; tensor < plan.homes.size(); ++tensor) {
    if (plan.homes[tensor] == home::none || request.vram_budget_bytes == 0) {
      EXPECT_EQ(plan.places[tensor], memory_plan::no_place);
      continue;
    }
    ASSERT_NE(plan.places[tensor], memory_plan::no_place) << tensor;
    byte_range const range{plan.places[tensor], request.vram_bytes[tensor]};
    EXPECT_EQ(range.offset % granule_bytes, 0U) << tensor;
    if (plan.homes[tensor] == home::vram) {
      taken.push_back(range);
    } else {
      EXPECT_GE(range.offset, plan.vram_buffer.offset) << tensor;
      EXPECT_LE(range.end(), plan.vram_buffer.end()) << tensor;
    }
  }
  std::sort(taken.begin(), taken.end(), [](auto left, auto right) { return left.offset < right.offset; });
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_GE(taken[i].offset, request.vram_space.offset);
    EXPECT_LE(taken[i].end(), request.vram_space.end());
    if (i > 0) {
      EXPECT_LE(taken[i - 1].end(), taken[i].offset);
    }
  }
}

/// Acquires the order call by call, three times over, loading what is not there over whatever lies in its place.
void check_replay(plan_request const& request, memory_plan const& plan) {
  std::map<std::uint64_t, std::uint32_t> there;         // by place
  std::map<std::uint32_t, std::uint64_t> needed_until;  // by tensor: the call before which the last use ends
  std::uint64_t loaded = 0;
  for (std::uint64_t round = 0; round < 3; ++round) {
    loaded = 0;
    for (order_entry const& entry : request.order.entries) {
      auto const tensor = static_cast<std::uint32_t>(index_of(entry.id));
      if (!streams(plan, tensor)) continue;
      std::uint64_t const call = round * request.order.calls + entry.call;
      std::uint64_t const end = round * request.order.calls + entry.until;
      byte_range const mine{plan.places[tensor], request.vram_bytes[tensor]};
      auto const lies = there.find(mine.offset);
      if (lies == there.end() || lies->second != tensor) {
        for (auto other = there.begin(); other != there.end();) {
          if (!overlap(mine, {other->first, request.vram_bytes[other->second]})) {
            ++other;
            continue;
          }
          ASSERT_LE(needed_until[other->second], call) << other->second << " is held where " << tensor << " goes";
          other = there.erase(other);
        }
        there[mine.offset] = tensor;
        loaded += mine.bytes;
      }
      needed_until[tensor] = std::max(needed_until[tensor], end);
    }
  }
  EXPECT_EQ(plan.bytes_to_device, loaded);
  EXPECT_GE(plan.bytes_to_device, plan.least_bytes_to_device);
}

std::string layer_of(std::string const& name) {
  std::size_t const start = name.find("blk.");
  return start == std::string::npos ? name : name.substr(0, name.find('.', start + 4));
}

}  // namespace

acquire_order scan_of(catalog const& model, held sets) {
  auto const set_of = [&](std::string const& name) {
    bool const feed_forward = name.find("ffn_gate") != std::string::npos || name.find("ffn_up") != std::string::npos ||
                              name.find("ffn_down") != std::string::npos;
    if (sets == held::one || (sets == held::feed_forward && !feed_forward)) return name;
    return layer_of(name);
  };
  acquire_order order;
  std::string last;
  for (std::size_t i = 0; i < model.size(); ++i) {
    std::string const set = set_of(model.infos()[i].name);
    if (i == 0 || set != last) ++order.calls;
    last = set;
    order.entries.push_back({static_cast<tensor_id>(i), order.calls - 1, order.calls});
  }
  if (sets != held::layer_across_calls) return order;
  std::vector<std::uint32_t> end(order.calls);
  for (std::size_t i = 0; i < order.entries.size(); ++i) end[order.entries[i].call] = static_cast<std::uint32_t>(i + 1);
  for (std::size_t i = 0; i < order.entries.size(); ++i) {
    order.entries[i].until = end[order.entries[i].call];
    order.entries[i].call = static_cast<std::uint32_t>(i);
  }
  order.calls = static_cast<std::uint32_t>(order.entries.size());
  return order;
}

std::size_t overlapping_neighbours(plan_request const& request, memory_plan const& plan) {
  std::map<std::uint32_t, std::vector<byte_range>> calls;
  for (order_entry const& entry : request.order.entries)
    if (std::size_t const tensor = index_of(entry.id); streams(plan, tensor))
      calls[entry.call].push_back({plan.places[tensor], request.vram_bytes[tensor]});
  std::size_t found = 0;
  for (auto here = calls.begin(); here != calls.end() && calls.size() > 1; ++here) {
    auto const next = std::next(here) == calls.end() ? calls.begin() : std::next(here);
    bool shared = false;
    for (byte_range const left : here->second)
      for (byte_range const right : next->second) shared = shared || overlap(left, right);
    found += shared ? 1 : 0;
  }
  return found;
}

void check(plan_request const& request, memory_plan const& plan) {
  ASSERT_EQ(plan.homes.size(), request.vram_bytes.size());
  ASSERT_EQ(plan.places.size(), request.vram_bytes.size());
  check_homes(request, plan);
  check_places(request, plan);
  if (request.vram_budget_bytes != 0) check_replay(request, plan);
}

}  // namespace tierpager::test
