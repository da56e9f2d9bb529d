// What the parts of the residency core have in common: what is where, what has passed, the memory of both tiers, the order in
// which tensors leave them, the plan in force, and the commands and counts that come of it. Plain parts that know nothing of
// loads and requests; each is described in its own header. Not thread-safe: used under the pager's lock.
#pragma once

#include <memory>

#include <core/residency/by_tier.hpp>
#include <core/residency/command_list.hpp>
#include <core/residency/eviction_order.hpp>
#include <core/residency/fence_clock.hpp>
#include <core/residency/plan_cursor.hpp>
#include <core/residency/residency_options.hpp>
#include <core/residency/slot_table.hpp>
#include <core/residency/tier_budget.hpp>
#include <core/residency/tier_memory.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/statistics.hpp>

namespace tierpager {

struct ledger {
  /// `of` outlives it. A policy for each tier; a tier that is not present never asks its own, which may be null.
  ledger(catalog const& of, residency_options const& given, std::unique_ptr<eviction_policy> vram_policy,
         std::unique_ptr<eviction_policy> ram_policy)
      : tensors(of),
        options(given),
        slots(of, given.vram.footprint_align_bytes(), given.ram.footprint_align_bytes()),
        cursor(of.size(), given.vram.present && !vram_policy->exact()),
        budget{{tier::vram, given, of, slots}, {tier::ram, given, of, slots}},
        order{{tier::vram, slots, std::move(vram_policy), cursor.enabled()},
              {tier::ram, slots, std::move(ram_policy), cursor.enabled()}},
        memory{{tier::vram, budget.vram, order.vram, cursor, commands},
               {tier::ram, budget.ram, order.ram, cursor, commands}} {}
  ledger(ledger const&) = delete;
  ledger& operator=(ledger const&) = delete;

  catalog const& tensors;
  residency_options const options;
  slot_table slots;
  fence_clock fences;
  plan_cursor cursor;
  command_list commands;
  by_tier<tier_budget> budget;
  by_tier<eviction_order> order;
  by_tier<tier_memory> memory;
  byte_range scratch;  // at the start of VRAM
  statistics counts;   // what is counted since the pager was made; the sizes are filled in when asked for
};

}  // namespace tierpager
