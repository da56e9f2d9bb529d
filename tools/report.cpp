#include <tools/report.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <tierpager/budget.hpp>

#include <tools/report_json.hpp>
#include <tools/schedule.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

std::uint64_t saturated_sum(std::uint64_t a, std::uint64_t b) {
  return b > unlimited_bytes - a ? unlimited_bytes : a + b;
}

}  // namespace

std::optional<double> share_of_bound(std::uint64_t bytes, std::uint64_t bound) {
  if (bytes == 0) return std::nullopt;
  return static_cast<double>(bound) / static_cast<double>(bytes);
}

std::string over_bound(std::uint64_t bytes, std::optional<byte_bound> const& bound, std::uint64_t byte_bound::*least) {
  if (!bound || bytes == 0 || (*bound).*least == 0) return "-";
  double const times = static_cast<double>(bytes) / static_cast<double>((*bound).*least);
  return times < 1000 ? fmt::format("{:.2f}x", times) : ">999x";
}

std::string bound_line(std::optional<byte_bound> const& bound) {
  if (!bound) return "";
  return fmt::format("no pager moves less than {} to the device and {} from disk in a pass\n",
                     readable_bytes(bound->to_device_bytes), readable_bytes(bound->from_disk_bytes));
}

statistics difference(statistics const& after, statistics const& before) {
  statistics counted;
  for (std::size_t reason = 0; reason < eviction_reasons; ++reason) {
    counted.vram.evictions_by_reason[reason] =
        after.vram.evictions_by_reason[reason] - before.vram.evictions_by_reason[reason];
    counted.ram.evictions_by_reason[reason] =
        after.ram.evictions_by_reason[reason] - before.ram.evictions_by_reason[reason];
  }
  counted.acquires = after.acquires - before.acquires;
  counted.vram_hits = after.vram_hits - before.vram_hits;
  counted.vram_ahead = after.vram_ahead - before.vram_ahead;
  counted.ram_hits = after.ram_hits - before.ram_hits;
  counted.disk_reads = after.disk_reads - before.disk_reads;
  counted.bytes_to_device = after.bytes_to_device - before.bytes_to_device;
  counted.bytes_from_disk = after.bytes_from_disk - before.bytes_from_disk;
  counted.stall_seconds = after.stall_seconds - before.stall_seconds;
  return counted;
}

std::optional<byte_bound> lower_bound(std::vector<pass_order> const& passes, catalog const& tensors,
                                      statistics const& tiers) {
  if (passes.empty() || !all_the_same(passes)) return std::nullopt;
  std::uint64_t distinct_bytes = 0;
  for (tensor_id const id : std::set(passes.front().begin(), passes.front().end())) distinct_bytes += tensors[id].bytes;
  std::uint64_t const vram = tiers.vram.present ? tiers.vram.effective_bytes : 0;
  std::uint64_t const both = saturated_sum(vram, tiers.ram.effective_bytes);
  byte_bound bound{.from_disk_bytes = distinct_bytes - std::min(distinct_bytes, both)};
  if (tiers.vram.present) bound.to_device_bytes = distinct_bytes - std::min(distinct_bytes, vram);
  return bound;
}

json model_json(std::vector<std::string> const& files, std::uint64_t tensors, std::uint64_t bytes) {
  return {{"files", files}, {"tensors", tensors}, {"bytes", bytes}};
}

json pass_json(pass_report const& pass) {
  json all{{"seconds", pass.seconds}};
  all.update(counts_json(pass.counted));
  return all;
}

json passes_json(std::vector<pass_report> const& passes) {
  json all = json::array();
  for (pass_report const& pass : passes) all.push_back(pass_json(pass));
  return all;
}

json bound_json(std::optional<byte_bound> const& bound) {
  if (!bound) return nullptr;
  return {{"bytes_to_device", bound->to_device_bytes}, {"bytes_from_disk", bound->from_disk_bytes}};
}

std::string text_of(json const& all) { return all.dump(2, ' ', true, json::error_handler_t::replace) + "\n"; }

namespace {

json share_json(run_report const& report) {
  if (!report.bound || report.passes.empty()) return nullptr;
  statistics const& counted = report.passes.back().counted;
  auto const share = [](std::uint64_t bytes, std::uint64_t bound) {
    auto const known = share_of_bound(bytes, bound);
    return known ? json(*known) : json(nullptr);
  };
  return {{"bytes_to_device", share(counted.bytes_to_device, report.bound->to_device_bytes)},
          {"bytes_from_disk", share(counted.bytes_from_disk, report.bound->from_disk_bytes)}};
}

json lru_json(std::vector<pass_bytes> const& lru) {
  if (lru.empty()) return nullptr;
  json passes = json::array();
  for (pass_bytes const& each : lru)
    passes.push_back({{"bytes_to_device", each.to_device_bytes}, {"bytes_from_disk", each.from_disk_bytes}});
  return passes;
}

std::string saved(std::uint64_t bytes, std::uint64_t under_lru) {
  if (bytes == under_lru) return "as much";
  return readable_bytes(bytes < under_lru ? under_lru - bytes : bytes - under_lru) +
         (bytes < under_lru ? " less" : " more");
}

// All passes together against LRU, and how much of what the last one moved had to be.
std::string comparison_text(run_report const& report) {
  pass_bytes moved, under_lru;
  for (pass_report const& pass : report.passes) {
    moved.to_device_bytes += pass.counted.bytes_to_device;
    moved.from_disk_bytes += pass.counted.bytes_from_disk;
  }
  for (pass_bytes const& pass : report.lru) {
    under_lru.to_device_bytes += pass.to_device_bytes;
    under_lru.from_disk_bytes += pass.from_disk_bytes;
  }
  std::string text;
  if (!report.lru.empty())
    text = fmt::format("against LRU: {} to the device, {} from disk\n",
                       saved(moved.to_device_bytes, under_lru.to_device_bytes),
                       saved(moved.from_disk_bytes, under_lru.from_disk_bytes));
  if (!report.bound || report.passes.empty()) return text;
  std::uint64_t const last_bytes = report.passes.back().counted.bytes_to_device;
  if (auto const share = share_of_bound(last_bytes, report.bound->to_device_bytes))
    text += fmt::format("{:.1f} % of what the last pass moved to the device had to be moved\n", *share * 100);
  return text;
}

}  // namespace

std::string json_of(run_report const& report) {
  json verify;
  if (report.verify) verify = {{"checked", report.verify->checked}, {"mismatches", report.verify->mismatches}};
  statistics const& last = report.last;
  json all{{"device", report.device},
           {"model", model_json(report.files, report.tensors, report.model_bytes)},
           {"budget", budget_json(last)},
           {"policy", report.policy},
           {"passes", passes_json(report.passes)},
           {"peak", peak_json(last)},
           {"verify", verify},
           {"lower_bound", bound_json(report.bound)},
           {"share_of_bound", share_json(report)},
           {"lru", lru_json(report.lru)}};
  all.update(reasons_json(last));
  all.update(json_of(report.facts));
  return text_of(all);
}

std::string text_of(run_report const& report) {
  std::string text = fmt::format("{} tensors, {}, {} file{}; {} device, policy {}\n", report.tensors,
                                 readable_bytes(report.model_bytes), report.files.size(),
                                 report.files.size() == 1 ? "" : "s", report.device, report.policy);
  text += text_of(report.facts) + tier_lines(report.last) + bound_line(report.bound);
  text += fmt::format("{:>5} {:>9} {:>7} {:>9} {:>7} {:>9} {:>9} {:>10} {:>7} {:>10} {:>7} {:>13} {:>9}\n", "pass",
                      "seconds", "GB/s", "vram hits", "ahead", "ram hits", "reads", "to device", "bound", "from disk",
                      "bound", "evictions", "stalled s");
  std::size_t number = 0;
  for (auto const& [seconds, counted, moved_bytes] : report.passes) {
    text += fmt::format(
        "{:>5} {:>9.3f} {:>7.2f} {:>9} {:>7} {:>9} {:>9} {:>10} {:>7} {:>10} {:>7} {:>13} {:>9.3f}\n", ++number,
        seconds, seconds > 0 ? static_cast<double>(moved_bytes) / seconds / 1e9 : 0, counted.vram_hits,
        counted.vram_ahead, counted.ram_hits, counted.disk_reads, readable_bytes(counted.bytes_to_device),
        over_bound(counted.bytes_to_device, report.bound, &byte_bound::to_device_bytes),
        readable_bytes(counted.bytes_from_disk),
        over_bound(counted.bytes_from_disk, report.bound, &byte_bound::from_disk_bytes),
        fmt::format("{} + {}", counted.vram.evictions(), counted.ram.evictions()), counted.stall_seconds);
  }
  text += comparison_text(report);
  if (report.verify)
    text += fmt::format("verified {} acquires: {} mismatches\n", report.verify->checked, report.verify->mismatches);
  return text;
}

}  // namespace tierpager::tools
