#include <tools/plan_report.hpp>

#include <fmt/format.h>

#include <tools/report_json.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

json partition_json(std::optional<partition> const& homes) {
  if (!homes) return nullptr;
  return {{"vram", homes->vram_bytes},
          {"ram", homes->ram_bytes},
          {"file", homes->file_bytes},
          {"ring_vram", homes->buffer_vram_bytes},
          {"ring_ram", homes->buffer_ram_bytes}};
}

json sweep_json(std::vector<sweep_report> const& sweep) {
  json rows = json::array();
  for (sweep_report const& row : sweep)
    rows.push_back({{"vram", row.vram_bytes},
                    {"vram_effective", row.vram_effective_bytes},
                    {"seconds", row.seconds},
                    {"bytes_to_device", row.to_device_bytes},
                    {"bytes_from_disk", row.from_disk_bytes},
                    {"lower_bound", bound_json(row.bound)}});
  return rows;
}

std::string rate(double bytes_per_second) {
  return bytes_per_second > 0 ? fmt::format("{} GB/s", bytes_per_second / 1e9) : "infinitely fast";
}

bool takes_time(transfer_rates const& rates) {
  return rates.link_bytes_per_second > 0 || rates.disk_bytes_per_second > 0 || rates.compute_seconds > 0;
}

std::string seconds_text(double seconds, bool known) { return known ? fmt::format("{:.4g}", seconds) : "-"; }

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string partition_text(plan_report const& report) {
  if (!report.partition) return "plan none: no order that repeats, or nothing but what is held at once fits\n";
  partition const& homes = *report.partition;
  return fmt::format("plan {} stay in VRAM, {} in RAM, {} in the file\n", readable_bytes(homes.vram_bytes),
                     readable_bytes(homes.ram_bytes), readable_bytes(homes.file_bytes)) +
         fmt::format("     the streaming buffers take {} of VRAM ({}) and {} of RAM\n",
                     readable_bytes(homes.buffer_vram_bytes), plural(homes.buffer_slots, "slot"),
                     readable_bytes(homes.buffer_ram_bytes));
}

std::string pass_text(std::string_view policy, std::size_t number, pass_report const& pass, plan_report const& report) {
  statistics const& counted = pass.counted;
  return fmt::format("{:<8} {:>4} {:>9} {:>9} {:>7} {:>9} {:>9} {:>10} {:>7} {:>10} {:>7} {:>13} {:>9}\n", policy,
                     number, seconds_text(pass.seconds, takes_time(report.rates)), counted.vram_hits,
                     counted.vram_ahead, counted.ram_hits, counted.disk_reads, readable_bytes(counted.bytes_to_device),
                     over_bound(counted.bytes_to_device, report.bound, &byte_bound::to_device_bytes),
                     readable_bytes(counted.bytes_from_disk),
                     over_bound(counted.bytes_from_disk, report.bound, &byte_bound::from_disk_bytes),
                     fmt::format("{} + {}", counted.vram.evictions(), counted.ram.evictions()),
                     seconds_text(counted.stall_seconds, takes_time(report.rates)));
}

// All passes of one policy; of several, the last of each, to be compared.
std::string policies_text(plan_report const& report) {
  std::string text = fmt::format("{:<8} {:>4} {:>9} {:>9} {:>7} {:>9} {:>9} {:>10} {:>7} {:>10} {:>7} {:>13} {:>9}\n",
                                 "policy", "pass", "seconds", "vram hits", "ahead", "ram hits", "reads", "to device",
                                 "bound", "from disk", "bound", "evictions", "stalled s");
  for (policy_report const& policy : report.policies) {
    std::size_t const first = report.policies.size() > 1 ? policy.passes.size() - 1 : 0;
    for (std::size_t pass = first; pass < policy.passes.size(); ++pass)
      text += pass_text(policy.name, pass + 1, policy.passes[pass], report);
  }
  return text;
}

// How much better a row is than the one above it.
std::string saved_text(sweep_report const& row, sweep_report const* above, bool timed) {
  if (above == nullptr) return "";
  if (timed) return fmt::format("{:.4g} s", above->seconds - row.seconds);
  std::uint64_t const before = above->to_device_bytes;
  return before < row.to_device_bytes ? fmt::format("-{}", readable_bytes(row.to_device_bytes - before))
                                      : readable_bytes(before - row.to_device_bytes);
}

std::string sweep_text(plan_report const& report) {
  std::vector<sweep_report> const& sweep = *report.sweep;
  bool const timed = takes_time(report.rates);
  std::string text = fmt::format("a pass in steady state, policy {}\n", report.sweep_policy);
  text += fmt::format("{:>11} {:>9} {:>9} {:>10} {:>7} {:>10} {:>7} {:>10}\n", "vram", "of model", "seconds",
                      "to device", "bound", "from disk", "bound", "saves");
  for (std::size_t i = 0; i < sweep.size(); ++i) {
    sweep_report const& row = sweep[i];
    double const share = static_cast<double>(row.vram_bytes) / static_cast<double>(report.whole_vram_bytes) * 100;
    text += fmt::format("{:>11} {:>7.1f} % {:>9} {:>10} {:>7} {:>10} {:>7} {:>10}\n", readable_bytes(row.vram_bytes),
                        share, seconds_text(row.seconds, timed), readable_bytes(row.to_device_bytes),
                        over_bound(row.to_device_bytes, row.bound, &byte_bound::to_device_bytes),
                        readable_bytes(row.from_disk_bytes),
                        over_bound(row.from_disk_bytes, row.bound, &byte_bound::from_disk_bytes),
                        saved_text(row, i == 0 ? nullptr : &sweep[i - 1], timed));
  }
  if (!report.target_seconds) return text;
  auto const found = budget_for(*report.target_seconds, sweep);
  return text + (found
                     ? fmt::format("{:.4g} s a pass need {} of VRAM\n", *report.target_seconds, readable_bytes(*found))
                     : fmt::format("no budget above takes {:.4g} s a pass or less\n", *report.target_seconds));
}

}  // namespace

std::optional<std::uint64_t> budget_for(double seconds, std::vector<sweep_report> const& sweep) {
  for (sweep_report const& row : sweep)
    if (row.seconds <= seconds) return row.vram_bytes;
  return std::nullopt;
}

std::string json_of(plan_report const& report) {
  json policies = json::object();
  for (policy_report const& policy : report.policies) {
    policies[policy.name] = {{"passes", passes_json(policy.passes)}};
    if (policy.total) policies[policy.name].update(reasons_json(*policy.total));
  }
  json all{{"model", model_json(report.files, report.tensors, report.model_bytes)},
           {"budget", budget_json(report.tiers)},
           {"lower_bound", bound_json(report.bound)},
           {"partition", partition_json(report.partition)},
           {"policies", policies}};
  all.update(json_of(report.facts));
  if (report.sweep) all["sweep"] = sweep_json(*report.sweep);
  if (report.sweep && report.target_seconds) {
    auto const found = budget_for(*report.target_seconds, *report.sweep);
    all["target"] = {{"seconds", *report.target_seconds}, {"vram", found ? json(*found) : json(nullptr)}};
  }
  return text_of(all);
}

std::string text_of(plan_report const& report) {
  std::string text = fmt::format("{}, {}, {}; link {}, disk {}, compute {:.4g} s a pass\n",
                                 plural(report.tensors, "tensor"), readable_bytes(report.model_bytes),
                                 plural(report.files.size(), "file"), rate(report.rates.link_bytes_per_second),
                                 rate(report.rates.disk_bytes_per_second), report.rates.compute_seconds);
  text += text_of(report.facts) + tier_lines(report.tiers) + bound_line(report.bound) + partition_text(report);
  text += policies_text(report);
  if (report.sweep) text += sweep_text(report);
  return text;
}

}  // namespace tierpager::tools
