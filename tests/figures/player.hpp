// A program played on a pager without bytes, pass by pass, and what each moved; textbook caches on the same passes.
// One thread, the same every time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <bench/comparison/compare_policies.hpp>
#include <tests/figures/programs.hpp>
#include <tools/virtual_pager.hpp>

namespace tierpager::figures {

struct moved {
  std::uint64_t to_device_bytes = 0;
  std::uint64_t from_disk_bytes = 0;
  double seconds = 0;  // from the end of the work of the pass before to the end of its own
};

/// The core of a pager with these budgets that knows how fast the machine is.
tools::virtual_pager_options budgets(std::uint64_t vram_bytes, std::uint64_t ram_bytes = unlimited_bytes,
                                     transfer_rates const& rates = {});

class player {
 public:
  /// `tensors` outlives the player.
  player(catalog const& tensors, tools::virtual_pager_options const& options);

  moved play(program const& pass);
  /// The passes from number `first` to number `last`, the first ever being 1; those before are played too.
  std::vector<moved> play(program const& pass, unsigned first, unsigned last);
  [[nodiscard]] tools::virtual_pager& pages() { return pages_; }

 private:
  catalog const& tensors_;
  double compute_seconds_;
  tools::virtual_pager pages_;
  double end_ = 0;
  statistics before_;
};

/// The most that any of the passes moved or took, each figure for itself.
moved most_of(std::vector<moved> const& passes);

/// A textbook cache on the same passes: tensors in the order of their calls.
std::vector<tools::comparison_counts> textbook(std::string_view policy, catalog const& tensors,
                                               tools::comparison_budgets const& budgets,
                                               std::vector<program const*> const& passes);
/// The same, one program again and again: the mean of what a pass moves once it has settled.
double textbook_to_device_bytes(std::string_view policy, catalog const& tensors, std::uint64_t vram_bytes,
                                program const& pass);

/// Prints a line of a table, and keeps it with the test's results.
void tell(std::string const& line);
/// "1.043"
std::string ratio(double of, double to);

}  // namespace tierpager::figures
