// What `plan` found out, and its two forms: JSON for scripts, whose keys are a contract, and text for people. Pure;
// any thread. Does not plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tierpager/transfer_rates.hpp>

#include <tools/report.hpp>

namespace tierpager::tools {

struct policy_report {
  std::string name;
  std::vector<pass_report> passes;
  std::optional<statistics> total;  // of the pager's own
};

/// A pass in steady state under one budget of a sweep.
struct sweep_report {
  std::uint64_t vram_bytes = 0;
  std::uint64_t vram_effective_bytes = 0;
  double seconds = 0;
  std::uint64_t to_device_bytes = 0;
  std::uint64_t from_disk_bytes = 0;
  std::optional<byte_bound> bound;
};

/// What lives where, in bytes of tensors, and what the buffers take of the tiers for the rest to pass through.
struct partition {
  std::uint64_t vram_bytes = 0, ram_bytes = 0, file_bytes = 0;
  std::uint64_t buffer_vram_bytes = 0, buffer_ram_bytes = 0;
  std::uint32_t buffer_slots = 0;
};

struct plan_report {
  std::vector<std::string> files;
  std::uint64_t tensors = 0;
  std::uint64_t model_bytes = 0;
  std::uint64_t whole_vram_bytes = 0;  // what 100 % of VRAM is
  statistics tiers;                    // budgets and what binds; no counts
  transfer_rates rates;
  std::optional<byte_bound> bound;            // none where passes differ
  std::optional<tools::partition> partition;  // none where there is no order to plan for, or no partition helps
  std::vector<policy_report> policies;
  std::string sweep_policy;
  std::optional<std::vector<sweep_report>> sweep;  // none where none was asked for
  std::optional<double> target_seconds;
  model_facts facts;
};

/// The smallest budget of the sweep under which a pass takes no longer than that.
std::optional<std::uint64_t> budget_for(double seconds, std::vector<sweep_report> const& sweep);

std::string json_of(plan_report const& report);
std::string text_of(plan_report const& report);

}  // namespace tierpager::tools
