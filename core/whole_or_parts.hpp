// Whether following a long cycle is better than following the shorter ones it consists of in turn. Where a part comes n
// times in a row, following it alone saves up to a budget of bytes for each time but the first, in which it has to come
// in; following the whole saves that for each time of the one part that comes most often, whose tensors then stay while
// the others pass. Found out in portions; not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include <core/repeated_round.hpp>
#include <core/work_portion.hpp>

namespace tierpager {

class whole_or_parts {
 public:
  /// `shorter` are the periods of the cycles that the round may consist of.
  whole_or_parts(repeated_round const& round, std::vector<std::uint32_t> shorter);
  /// To be called until it is true.
  [[nodiscard]] bool go_on(work_portion& work);
  [[nodiscard]] bool whole_is_better() const;

 private:
  [[nodiscard]] bool same(std::uint32_t ago) const;
  [[nodiscard]] bool find_start(work_portion& work);
  [[nodiscard]] bool find_runs(work_portion& work);

  repeated_round round_;
  std::vector<std::uint32_t> shorter_;  // ascending
  std::vector<bool> repeated_;          // by how long ago: whether it is known to belong to a part that is repeated
  std::uint32_t saved_in_turn_ = 0, saved_whole_ = 1;
  bool one_part_only_ = false;

  // How far it has come.
  std::size_t part_ = 0;     // which one is looked for
  std::uint32_t start_ = 0;  // how long ago no run of it is under way
  std::uint32_t ago_ = 0;    // what is looked at; from there on, backwards; 0 until the start is found
  std::uint32_t run_ = 0;    // how many entries before it belong to a run
  std::uint32_t noted_ = 0;  // how many entries of a run that is over are noted
};

}  // namespace tierpager
