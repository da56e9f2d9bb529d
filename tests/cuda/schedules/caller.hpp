// One caller of a schedule: a fiber that does whatever the facade allows, in an order drawn from a seed. It never waits
// without a limit while it holds handles, so that callers cannot wait for each other for ever.
#pragma once

#include <memory>
#include <vector>

#include <tests/core/residency/simulation/chooser.hpp>
#include <tests/cuda/schedules/stage.hpp>

namespace tierpager::schedules {

class caller {
 public:
  caller(stage& on, std::uint64_t seed, bool changes_budgets);
  /// All its acts. Afterwards its uses are released, given away or among the stage's leftovers.
  void run();

 private:
  void act();
  void act_in_order();
  void follow_order();
  void change_order();
  void prefetch();
  void acquire_one();
  void acquire_on_a_foreign_stream();
  void acquire_set();
  void acquire_with_a_limit();
  void acquire_with_a_stop();
  void acquire_on_the_host();
  void try_one();
  void share_one();
  void read_again();
  void release_one();
  void release_on_another_stream();
  void give_away();
  void retire_one();
  void change_pins();
  void change_budget();
  void capture();
  void ask();

  tensor_id any_tensor();
  std::vector<tensor_id> any_set(std::uint32_t most);
  test_stream* any_stream();
  wait_options soon();
  void acquire(std::vector<tensor_id> const& ids, wait_options const& wait, std::initializer_list<errc> allowed);
  /// Reads what was acquired and holds it, or lets it go.
  void handle_acquired(handle&& held, test_stream& on);
  void let_go(std::size_t index);
  void let_go_of_all_on(test_stream const& stream);
  void let_go_of_all();
  void keep_one_on(test_stream const& stream);
  [[nodiscard]] bool holds_nothing() const { return held_.empty() && outlived_.empty(); }

  stage& stage_;
  simulation::seeded chooser_;
  bool const changes_budgets_;
  std::vector<test_stream*> mine_;
  std::vector<use> held_;
  std::vector<handle> outlived_;  // the streams that they were acquired on
};

/// Releases what callers gave away, on a stream of its own, until there is no more.
void run_janitor(stage& on);

}  // namespace tierpager::schedules
