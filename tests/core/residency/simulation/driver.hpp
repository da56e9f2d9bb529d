// Plays everybody the core deals with: callers, executor, file, device. Each member call is one event: it calls the core
// once, shows its commands to the model and compares. Every answer still owed is listed in pending_answers(); which comes
// next is the chooser's. Throws `violation`. Not thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <tests/core/residency/simulation/chooser.hpp>
#include <tests/core/residency/simulation/naive_model.hpp>

namespace tierpager::simulation {

/// How plans were answered, in all schedules of this process.
struct plan_answers {
  std::uint64_t late = 0;              // other events came in between
  std::uint64_t superseded = 0;        // another plan had been asked for meanwhile
  std::uint64_t after_another = 0;     // the plan asked for later was answered first
  std::uint64_t for_a_gone_order = 0;  // the order had been taken back meanwhile
};
plan_answers& plan_answers_given();

/// How many of a hundred answers are failures.
struct faults {
  std::uint32_t read = 0, copy = 0, remap = 0, query = 0, settle = 0;
};

class driver {
 public:
  /// `trace`, where given, gets a line an event.
  driver(setup const& options, chooser& choices, faults what_fails = {}, std::string* trace = nullptr);

  struct handle {
    tensor_id id;
    tier where;
    owner_id owner;
  };
  enum class outcome : std::uint8_t { refused, waiting, granted };
  struct ticket {
    outcome now;
    request_id request;
    failure why;
  };

  // Callers ---------------------------------------------------------------------------------------------------------
  ticket acquire(std::vector<tensor_id> const& ids, tier where, owner_id owner);
  bool try_acquire(std::vector<tensor_id> const& ids, tier where, owner_id owner);
  void cancel(request_id request);
  void share(std::size_t handle_index);
  /// How the work before a release is told to the core.
  enum class last_use : std::uint8_t { none, fenced, unproven };
  void release(std::size_t handle_index, last_use how, std::uint32_t stream);
  /// What follows is released by somebody else than its owner.
  void note_released_elsewhere(owner_id owner);
  void prove(std::uint32_t stream);
  /// Each call's set is held until so many more calls have been made.
  void set_order(std::vector<std::vector<tensor_id>> const& calls, std::uint32_t held_calls);
  void prefetch(std::vector<tensor_id> const& ids);
  status pin(std::vector<tensor_id> const& ids, tier where);
  void unpin(std::vector<tensor_id> const& ids, tier where);
  void set_budget(tier where, std::uint64_t bytes);
  void close();
  void lose_device();
  void fail_query();

  // Answers ---------------------------------------------------------------------------------------------------------
  struct pending_answer {
    enum class kind : std::uint8_t { read, copy, remap, settle, passed, ask, device, plan } what;
    std::size_t index;
  };
  /// Oldest first within a kind. Empty: the core waits for callers alone.
  [[nodiscard]] std::vector<pending_answer> pending_answers() const;
  void give(pending_answer which, bool may_fail = true);
  /// Gives answers, none a failure, until none is owed. Holders keep what they hold.
  void answer_all();
  /// Ends the schedule: everything is answered and released; then nobody may be waiting any more, and a last
  /// pass over all tensors must work.
  enum class last_pass : std::uint8_t { played, left_out };
  void finish(last_pass pass = last_pass::played);

  [[nodiscard]] std::vector<handle> const& handles() const { return handles_; }
  [[nodiscard]] std::vector<request_id> waiting(owner_id owner) const;
  [[nodiscard]] bool waiting(request_id request) const { return model_.waiting(request); }
  [[nodiscard]] bool over() const { return closed_ || lost_; }
  [[nodiscard]] residency const& core() const { return *core_; }
  [[nodiscard]] naive_model const& model() const { return model_; }
  /// Why a request was rejected; asserts that it was.
  [[nodiscard]] failure const& why(request_id request) const { return rejections_.at(request); }

 private:
  struct demand {
    std::vector<tensor_id> ids;
    tier where;
    owner_id owner;
  };
  void note(std::string const& line);
  void begin(std::string const& line);
  void end();
  void add_handles(demand const& granted);
  [[nodiscard]] std::set<tensor_id> held_by(owner_id owner, tier where) const;
  void check_deadlock(demand const& of, failure const& why) const;
  void check_nobody_waits_for_itself() const;
  void obey(read_command const& command);
  void obey(copy_command const& command);
  void obey(remap_command const& command);
  void obey(watch_command const& command);
  void obey(ask_command const& command);
  void obey(settle_command const& command);
  void obey(plan_command const& command);
  void obey(grant_command const& command);
  void obey(reject_command const& command);
  void obey(tell_evicted_command const& command);
  void obey(tell_loading_command const& command);
  [[nodiscard]] std::optional<memory_plan> any_plan(plan_question const& asked);
  void answer_read(std::size_t index, bool fails);
  void answer_copy(bool fails);
  void answer_remap(tier where, bool fails);
  void answer_settle(bool fails);
  void answer_passed(std::uint32_t stream);
  void answer_ask(std::size_t index);
  void answer_plan(std::size_t index);
  void release_everything();
  void full_pass();

  setup const& setup_;
  chooser& choices_;
  faults faults_;
  std::string* trace_;
  std::unique_ptr<residency> core_;
  shadow_device device_;
  naive_model model_;
  std::vector<command> commands_;
  std::deque<read_command> reads_;
  std::deque<copy_command> copies_;
  std::array<std::optional<remap_command>, 2> remaps_;
  std::array<std::deque<fence>, streams> watches_;
  std::vector<fence> asks_;
  std::size_t settles_ = 0;
  struct asked_plan {
    std::shared_ptr<plan_question const> question;
    std::uint64_t event;            // in which it was asked for
    bool for_a_gone_order = false;  // declared, and taken back since
  };
  std::deque<asked_plan> plans_;
  std::uint64_t events_ = 0;
  std::uint64_t latest_epoch_ = 0;                 // of those asked
  std::shared_ptr<acquire_order const> declared_;  // as the core has it
  std::map<request_id, demand> requests_;          // waiting
  std::map<request_id, failure> rejections_;
  std::vector<handle> handles_;
  std::set<owner_id> released_elsewhere_;
  std::array<bool, streams> unproven_{};
  bool closed_ = false;
  bool lost_ = false;
  bool settle_failed_ = false;
};

}  // namespace tierpager::simulation
