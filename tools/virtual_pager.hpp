// A pager without bytes: the residency core driven in virtual time, with one caller and one compute stream. Answers come
// when a virtual machine would give them, so that counts are those of a real pager and seconds are a prediction. Like a
// program that never waits for its stream, the caller runs ahead of the device; its time passes only where acquire
// blocks. One thread, no clock, the same every time. Failures are thrown as tierpager::error.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <core/residency/residency.hpp>
#include <tierpager/event.hpp>
#include <tools/virtual_machine.hpp>

namespace tierpager::tools {

struct virtual_pager_options {
  residency_options core;
  std::string policy = "auto";
  std::vector<std::string> pin_vram, pin_ram;
  transfer_rates machine = {};  // how fast it is; what plans know of that, `core.rates` says
  bool record_events = false;
};

class virtual_pager {
 public:
  /// `tensors` outlives the pager.
  virtual_pager(catalog const& tensors, virtual_pager_options const& options);

  /// As pager::set_order for one tensor at a time.
  void set_order(std::span<tensor_id const> ids);
  void set_budget(tier where, std::uint64_t bytes);
  /// In place of what was pinned there.
  void pin(std::span<tensor_id const> ids, tier where);
  /// All of a set or nothing, in VRAM, or in RAM where there is no VRAM tier. The compute stream waits for the copies.
  void acquire(std::span<tensor_id const> ids);
  /// Work that follows: on the stream, or on the caller's own thread where there is no VRAM tier.
  void compute(double seconds);
  /// Ends one use of each, behind the work so far.
  void release(std::span<tensor_id const> ids);
  /// Waits until everything queued on the stream has run.
  void synchronize() { catch_up(done_at()); }

  /// When all work so far will be done: the stream's time, which runs behind the caller's.
  [[nodiscard]] double done_at() const;
  /// The caller's time.
  [[nodiscard]] double now() const { return now_; }
  [[nodiscard]] statistics stats() const;
  /// What was decided since the last call, in order; empty unless it was to be recorded.
  [[nodiscard]] std::vector<event> take_events() { return std::exchange(events_, {}); }
  [[nodiscard]] residency const& core() const { return core_; }

 private:
  struct answer {
    double at;
    std::uint64_t number;  // those of one time come in the order they were asked for
    command what;
  };
  static bool later(answer const& left, answer const& right);
  void after_call();
  void take(command& next);
  void note(command const& next);
  void expect(double at, command what);
  bool step();
  void catch_up(double until);
  void wait_for(request_id request);
  void carry_out(read_command const& what);
  void carry_out(copy_command const& what);
  void carry_out(remap_command const& what);
  void carry_out(watch_command const& what);
  void carry_out(ask_command const& what);
  void carry_out(settle_command const& what);
  void carry_out(plan_command const& what);
  // Those that ask for nothing never become events.
  void carry_out(grant_command const&) {}
  void carry_out(reject_command const&) {}
  void carry_out(tell_evicted_command const&) {}
  void carry_out(tell_loading_command const&) {}

  static constexpr owner_id caller{0};

  catalog const& tensors_;
  tier where_;  // of what is acquired
  residency core_;
  virtual_machine machine_;
  std::vector<answer> answers_;  // owed; a heap, the next first
  bool record_events_;
  std::vector<event> events_;
  std::uint64_t asked_ = 0;
  std::optional<request_id> blocked_on_;
  std::array<std::vector<tensor_id>, 2> pinned_;
  std::optional<failure> rejected_;
  double now_ = 0;
  double stall_seconds_ = 0;
};

}  // namespace tierpager::tools
