// What `run` found out, and its two forms: JSON for scripts, whose keys are a contract, and text for people. Pure;
// any thread. Does not measure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/statistics.hpp>

#include <tools/model_facts.hpp>
#include <tools/order_file.hpp>

namespace tierpager::tools {

/// The least that any pager moves in a pass that comes again and again, in bytes of tensors: those that the pass names less
/// what VRAM holds of them, and less what both tiers hold. Text, tables and JSON all say what lower_bound() makes of it.
struct byte_bound {
  std::uint64_t to_device_bytes = 0;
  std::uint64_t from_disk_bytes = 0;
};

struct pass_bytes {
  std::uint64_t to_device_bytes = 0;
  std::uint64_t from_disk_bytes = 0;
  friend bool operator==(pass_bytes const&, pass_bytes const&) = default;
};

struct check_counts {
  std::uint64_t checked = 0;
  std::uint64_t mismatches = 0;
};

struct pass_report {
  double seconds = 0;             // from the end of the work of the pass before it to the end of its own
  statistics counted;             // what was decided while it was queued; only its sums are set
  std::uint64_t moved_bytes = 0;  // over the link in these seconds, where that is known; else what was decided
};

struct run_report {
  std::string device;
  std::vector<std::string> files;
  std::uint64_t tensors = 0;
  std::uint64_t model_bytes = 0;
  std::string policy;
  std::vector<pass_report> passes;
  statistics last;  // at the end
  std::optional<check_counts> verify;
  std::optional<byte_bound> bound;  // none where passes differ
  std::vector<pass_bytes> lru;      // what each pass would have moved under LRU
  model_facts facts;
};

/// What was counted between two snapshots of one pager.
statistics difference(statistics const& after, statistics const& before);

/// None where the passes differ.
std::optional<byte_bound> lower_bound(std::vector<pass_order> const& passes, catalog const& tensors,
                                      statistics const& tiers);

/// The least possible as a share of what was moved; none where nothing was moved.
std::optional<double> share_of_bound(std::uint64_t bytes, std::uint64_t bound);
/// "1.33x", or "-" where nothing was moved, or nothing can be said. `least` is the member of the bound.
std::string over_bound(std::uint64_t bytes, std::optional<byte_bound> const& bound, std::uint64_t byte_bound::*least);
/// A line that says what a pass moves at least; none where passes differ.
std::string bound_line(std::optional<byte_bound> const& bound);

std::string json_of(run_report const& report);
std::string text_of(run_report const& report);

}  // namespace tierpager::tools
