// The state machine of both tiers: who is resident where, who is used, pinned, waited for, on its way, draining; who
// leaves. Pure: not thread-safe, no clock, no memory but its own. The executor calls it under the pager's lock.
// Inputs are member calls; what must be done about them is appended to the list that take_commands() hands out.
// An answer to a command is another input, never a nested call. Every command with an answer gets exactly one.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <core/residency/command.hpp>
#include <core/residency/course.hpp>
#include <core/residency/fence_clock.hpp>
#include <core/residency/holders.hpp>
#include <core/residency/residency_options.hpp>
#include <core/residency/residency_records.hpp>
#include <core/residency/stage_uses.hpp>
#include <tierpager/budget.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/statistics.hpp>

namespace tierpager {

class residency {
 public:
  /// `tensors` outlives the core. A policy for each tier; a tier that is not present never asks its own.
  residency(catalog const& tensors, residency_options const& options, std::unique_ptr<eviction_policy> vram_policy,
            std::unique_ptr<eviction_policy> ram_policy);

  /// Address space the tier's arena needs, whatever its budget becomes.
  [[nodiscard]] std::uint64_t reserve_bytes(tier where) const { return at(where).reserve_bytes; }
  bool reserve_less(tier where);  // half of it; false: less will not do. Before anything else happens
  [[nodiscard]] bool has_commands() const { return !commands_.empty(); }
  /// Appends the commands emitted since the last call, in order.
  void take_commands(std::vector<command>& into);

  // Requests -------------------------------------------------------------------------------------------------------
  struct acquired {
    bool granted;        // at once: no grant command follows
    request_id request;  // else one of grant or reject follows
  };
  /// Uses every id of the set in `where`, once per occurrence. Fails at once with unknown_tensor, budget_too_small,
  /// invalid_argument (no such tier, empty set), closed, device_lost, would_deadlock.
  result<acquired> acquire(std::span<tensor_id const> ids, tier where, owner_id owner);
  /// Grants at once or changes nothing. The same failures.
  result<bool> try_acquire(std::span<tensor_id const> ids, tier where, owner_id owner);
  /// The same for one tensor. Where it lies, until the next call; null where it is not granted, without a reason.
  records::slot const* try_hit(tensor_id id, tier where, owner_id owner);
  /// Rejects a request that still waits, with `why`; no effect on one already granted or rejected. Loads go on.
  void cancel(request_id id, failure const& why);
  /// Why it still waits, for the error of a deadline: `timed_out`, with the tensor that finds no room and who holds what.
  [[nodiscard]] failure overdue(request_id id) const;
  /// Another use of a tensor in use.
  void share(tensor_id id, tier where, owner_id owner);
  /// Loads what is absent into VRAM, after everything that is asked for, and only into room that neither a use nor the
  /// plan nor another load ahead needs; the rest of the set is passed over. Unknown ids are ignored.
  void prefetch(std::span<tensor_id const> ids);
  /// Ends one use. `last_use` is a fence behind it; none where no work was queued, or for RAM.
  void release(tensor_id id, tier where, owner_id owner, std::optional<fence> last_use);
  /// Somebody else than the owner has released a handle of it: its acquires may wait for its own handles from now on.
  void released_elsewhere(owner_id owner) { holders_.released_elsewhere(owner); }
  /// Ends one use of VRAM whose fence could not be recorded, and why: no victim until `prove` with the same key.
  void release_unproven(tensor_id id, owner_id owner, std::uint32_t key, failure const& why);
  /// The uses left under that key lie before this fence.
  void prove(fence recorded, std::uint32_t key);
  /// All work of that stream lies before this fence; what is released on it from now on, too.
  void stream_retired(fence last);

  // Pins and budgets -----------------------------------------------------------------------------------------------
  /// budget_too_small, and nothing pinned, where the pins would leave no room for the largest unpinned tensor.
  status pin(std::span<tensor_id const> ids, tier where);
  void unpin(std::span<tensor_id const> ids, tier where);
  status set_budget(tier where, std::uint64_t bytes);

  // Order and plan -------------------------------------------------------------------------------------------------
  /// How the caller will acquire, cycle for cycle; null: to be learned. No effect where the policy is exact.
  void set_order(std::unique_ptr<access_cycle> order);
  /// The plan in force; null: the policy decides.
  [[nodiscard]] memory_plan const* plan() const { return course_.plan(); }

  // Answers --------------------------------------------------------------------------------------------------------
  void read_done(tensor_id id, std::uint32_t chunk, status const& outcome);
  void copy_queued(tensor_id id, std::uint32_t chunk, fence done);
  /// `maybe_queued`: the copy call itself failed, so the copy may run after all.
  void copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued);
  void remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome);
  void passed(fence which);   // and with it every lower sequence of its stream
  void running(fence which);  // asked about, and not passed yet
  /// A watched fence could not be asked about: what waits for room fails now; the watch goes on.
  void query_failed(failure const& why);
  void settled(result<fence> const& outcome);
  /// The answer to plan_command: the plan made for the question of that epoch; none where no plan helps or none could be
  /// made. Has no effect where the order, a budget or a pin has changed since: then another plan is asked for.
  void planned(std::uint64_t epoch, std::optional<memory_plan> plan);
  void device_lost(failure const& why);
  /// Rejects every waiting request; later acquires fail with `closed`. Loads under way still want their answers.
  void close();

  // Questions ------------------------------------------------------------------------------------------------------
  [[nodiscard]] bool resident(tensor_id id, tier where) const {
    return slot_of(id, where).state == slot_state::resident;
  }
  [[nodiscard]] bool pinned(tensor_id id, tier where) const { return slot_of(id, where).pinned; }
  [[nodiscard]] std::uint32_t uses(tensor_id id, tier where) const { return slot_of(id, where).uses; }
  [[nodiscard]] std::uint64_t generation(tensor_id id) const { return rest_of(id, tier::vram).generation; }
  /// Where a tensor in use lies, and how large it is.
  [[nodiscard]] records::slot const& place(tensor_id id, tier where) const { return slot_of(id, where); }
  /// Whether a copy command is still to be carried out. Not where its load has failed: what a later copy counts on (an
  /// order that the first one made) may be missing. It is answered with copy_failed then.
  [[nodiscard]] bool wants_copy(tensor_id id) const;
  /// The fence to wait for before the tensor's VRAM bytes are right; none once it is known to have passed. A lost
  /// device's fences do not pass: waiting for one says so.
  [[nodiscard]] std::optional<fence> ready(tensor_id id) const;
  [[nodiscard]] byte_range scratch() const { return scratch_; }
  [[nodiscard]] statistics stats() const;
  [[nodiscard]] std::uint64_t least_bytes(tier where) const;  // the least budget for its pins and any one tensor
  [[nodiscard]] bool resizing(tier where) const;  // memory comes or goes for the tier's budget at this moment
  /// No load, remap, watch or settling under way, no request waiting.
  [[nodiscard]] bool idle() const;
  /// Asserts the invariants that tie the tables to each other; linear in the number of tensors. For tests.
  void check() const;

 private:
  using slot_state = records::slot_state;
  using slot = records::slot;
  using tier_state = records::tier_state;
  using request = records::request;
  using chunk_state = records::chunk_state;
  using load = records::load;
  static constexpr std::uint32_t ring_slots = records::ring_slots;
  static constexpr std::uint64_t commit_piece_bytes = 128U << 20U;  // few calls commit a tier, and none takes long
  static constexpr tier both_tiers[] = {tier::vram, tier::ram};
  [[nodiscard]] tier_state& at(tier where) { return tiers_[static_cast<std::size_t>(where)]; }
  [[nodiscard]] tier_state const& at(tier where) const { return tiers_[static_cast<std::size_t>(where)]; }
  [[nodiscard]] slot& slot_of(tensor_id id, tier where) { return at(where).slots[index_of(id)]; }
  [[nodiscard]] slot const& slot_of(tensor_id id, tier where) const { return at(where).slots[index_of(id)]; }
  [[nodiscard]] records::slot_rest& rest_of(tensor_id id, tier where) { return at(where).rest[index_of(id)]; }
  [[nodiscard]] records::slot_rest const& rest_of(tensor_id id, tier where) const {
    return at(where).rest[index_of(id)];
  }
  [[nodiscard]] std::uint64_t footprint(tensor_id id, tier where) const { return slot_of(id, where).footprint_bytes; }
  [[nodiscard]] load* find_load(tensor_id id);
  [[nodiscard]] load const* find_load(tensor_id id) const { return const_cast<residency*>(this)->find_load(id); }
  void change(tensor_id id, tier where, auto const& how) {
    slot& one = slot_of(id, where);
    at(where).uncount(one);
    how(one);
    at(where).count(one);
  }
  void emit(auto&& what) { commands_.emplace_back(std::forward<decltype(what)>(what)); }
  void watch(fence until) { emit(watch_command{until}); }

  // residency.cpp: construction, questions
  void open_tier(tier where, std::unique_ptr<eviction_policy> policy);
  void commit_at_open(tier where);
  [[nodiscard]] std::uint64_t scratch_bytes(tier where) const;
  void place_scratch();
  [[nodiscard]] tier_statistics stats_of(tier where) const;

  // residency_opening.cpp: RAM, while tensors come
  void commit_in_background();
  void open_further(bool came, status const& outcome);
  void do_without_the_rest();

  // residency_requests.cpp
  [[nodiscard]] status acceptable(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] status fits_ever(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool all_there(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool joinable(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] std::uint64_t newly_held_bytes(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool room_for(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool granules_for(std::span<tensor_id const> ids, tier where) const;
  [[nodiscard]] bool places_promised() const;
  [[nodiscard]] bool place_now(std::span<tensor_id const> ids) const;
  [[nodiscard]] bool places_planned(std::span<tensor_id const> ids) const;
  [[nodiscard]] bool nothing_held_for_good() const;
  bool find_room_for(std::span<tensor_id const> ids, tier where);
  [[nodiscard]] bool may_pass(tier where, owner_id owner) const;
  [[nodiscard]] bool starving() const;
  void make_way_for_all(std::span<tensor_id const> ids);
  void admit(request_id id, request& one);
  void arrived(load& one, tensor_id id, tier where);
  void reject(request_id id, failure const& why);
  void reject_all(failure const& why);
  bool admit_waiting(tier where);
  [[nodiscard]] bool stuck(request const& one) const;

  // residency_blocked.cpp
  [[nodiscard]] status may_wait(request const& one) const;
  [[nodiscard]] bool blocked_by_own_handles(request const& one, std::uint64_t more_bytes = 0) const;
  [[nodiscard]] bool in_pieces_beside_own_handles(request const& one) const;
  [[nodiscard]] errc why_blocked() const;
  bool refuse_starved(tensor_id id, load const& starved);
  [[nodiscard]] failure no_room(errc code, std::string const& why, request const& one) const;
  [[nodiscard]] std::string unproven_in_words() const;

  // residency_uses.cpp
  void follow_call(std::span<tensor_id const> ids, tier where);
  void go_on_after_hit(tier where);
  void count_acquire(tensor_id id, tier where);
  void use(tensor_id id, tier where, owner_id owner);
  void touch(tensor_id id, tier where);
  void begin_use(slot& used, tensor_id id, tier where, owner_id owner);
  void end_use(tensor_id id, tier where, owner_id owner);
  void add_last_use(tensor_id id, fence last_use);
  void add_stream(slot& used, tensor_id id, fence last_use);
  [[nodiscard]] std::vector<fence> last_uses_of(tensor_id id) const;
  void use_ended(tensor_id id, tier where);

  // residency_room.cpp: who leaves, budgets, pins
  enum class room : std::uint8_t { there, draining, none };
  room make_room(tier where, std::uint64_t bytes, tensor_id id, load& one);
  [[nodiscard]] bool evictable(tensor_id id, tier where) const;
  [[nodiscard]] std::optional<tensor_id> first_in_line(tier where) const;
  [[nodiscard]] std::optional<tensor_id> next_in_line(tensor_id id, tier where) const;
  [[nodiscard]] std::optional<tensor_id> find_victim(tier where);
  enum class use_state : std::uint8_t { over, running, unknown };
  [[nodiscard]] use_state last_use_of(tensor_id id) const;
  [[nodiscard]] bool holds_up(fence use) const;
  void ask(tensor_id id);
  [[nodiscard]] bool make_do(tier where);
  void count_given(tier where);
  void evict(tensor_id id, tier where, eviction_reason why);
  [[nodiscard]] std::uint64_t soft_limit(tier where) const;
  void set_pinned(tensor_id id, tier where, bool pinned);
  [[nodiscard]] std::uint64_t needed_beside_pins(tier where) const;
  [[nodiscard]] std::uint64_t effective_of(tier where, std::uint64_t asked_bytes) const;
  [[nodiscard]] std::uint64_t target_of(tier where, std::uint64_t effective_bytes) const;
  void set_target(tier where);
  [[nodiscard]] status pins_fit(tier where, std::uint64_t pinned_bytes, std::uint64_t effective_bytes) const;
  [[nodiscard]] std::string slices_beside_pins(tier where, std::uint64_t target_bytes) const;
  void fix_if_room(tensor_id id, tier where);
  void grow(tier where);
  void grow_by_granules(tier where, std::uint64_t refused_bytes);
  bool shrink(tier where);
  void evict_above_target(tier where);
  std::uint64_t granules_touched(tier where, byte_range within, std::function<bool(tensor_id)> const& counts) const;
  void start_remap(tier where, std::optional<tensor_id> serves, remap_command what);

  // residency_windows.cpp: a place where no hole is large enough
  enum class may_leave : std::uint8_t { unless_running, running_too, pinned_too };
  [[nodiscard]] std::optional<leave_cost> cost_of(tenant const& each, tier where, bool for_ahead, may_leave who) const;
  std::optional<eviction_window> search_windows(tier where, std::uint64_t bytes, bool for_ahead, may_leave who,
                                                std::span<tensor_id const> kept = {}) const;
  [[nodiscard]] records::window_choice choose_window(std::uint64_t bytes, bool for_ahead) const;
  bool ask_in_line(bool anew);
  bool ask_about(byte_range window);
  void let_go(tensor_id id, tier where, eviction_reason why);
  tier_arena::placement evict_and_place(byte_range window);
  std::optional<tier_arena::placement> find_place(tensor_id id, load& one, room& made);
  std::optional<tier_arena::placement> place_by_remap(tier where, std::uint64_t bytes, room& made);

  // residency_loads.cpp
  load& start_load(tensor_id id, tier where, bool ahead = false);
  void enqueue(std::vector<tensor_id>& queue, tensor_id id);
  void want_vram(tensor_id id, load& one);
  void ask_for(tensor_id id, load& one);
  void prepare_chunks(tensor_id id, load& one, std::uint64_t chunk_bytes, chunk_state as);
  bool place(tensor_id id, load& one);
  void placed_at(tensor_id id, load& one, tier_arena::placement placed);
  [[nodiscard]] bool may_be_released() const;
  [[nodiscard]] bool may_evict_for(load const& one) const;
  [[nodiscard]] bool fits_as_it_is(tensor_id id, load const& one) const;
  [[nodiscard]] bool may_place(tensor_id id, load const& one) const;
  void queue_reads(tensor_id id, load& one);
  void queue_copies(tensor_id id, load& one);

  // residency_load_ends.cpp
  void ram_complete(tensor_id id, load& one);
  void vram_complete(tensor_id id, load& one);
  void finish(tensor_id id, load& one);
  void fail(tensor_id id, load& one, failure const& why);
  void clean_up(tensor_id id, load& one);
  void give_up_vram(byte_range range, load const& gone);
  void give_up_stage(tensor_id id, load const& gone);
  [[nodiscard]] std::vector<tensor_id> stalled();
  void fail_stalled(failure const& why);

  // residency_orders.cpp: orders, plans asked for and adopted
  void ask_for_plan() {
    if (course_.has_question()) [[unlikely]]
      emit_plan_command();
  }
  void emit_plan_command();
  void classify(tensor_id id, tier where);
  void classify_all();
  [[nodiscard]] bool misplaced(tensor_id id, tier where) const;
  void evict_misplaced(tensor_id id, tier where);
  void follow_course();
  [[nodiscard]] bool lives_in_vram(tensor_id id) const;
  [[nodiscard]] bool at_home(tensor_id id, tier where) const;

  // residency_plan.cpp: places, running ahead
  void set_range(tensor_id id, tier where, byte_range range);
  [[nodiscard]] std::optional<byte_range> planned_range(tensor_id id, tier where = tier::vram) const;
  [[nodiscard]] std::vector<tensor_id> lying_in(byte_range range) const;
  [[nodiscard]] std::vector<tensor_id> staying_in(byte_range range) const;
  [[nodiscard]] bool may_all_leave(std::span<tensor_id const> ids) const;
  enum class planned_place : std::uint8_t { taken, later, elsewhere };
  planned_place place_as_planned(tensor_id id, load& one, byte_range range);
  [[nodiscard]] std::uint64_t ahead_limit() const;
  [[nodiscard]] bool claimed(tensor_id id, byte_range range) const;
  [[nodiscard]] std::uint64_t promised_vram_bytes() const;
  [[nodiscard]] bool room_ahead(tensor_id id);
  [[nodiscard]] bool in_step() const { return course_.kept() && !fences_.several() && !out_of_turn_; }
  [[nodiscard]] bool yields(tensor_id id) const;
  void run_ahead() {
    if (course_.has_upcoming()) run_further_ahead();
  }
  void run_further_ahead();
  bool load_ahead(tensor_id id);
  [[nodiscard]] bool ahead_comes() const;
  [[nodiscard]] bool comes_elsewhere(tensor_id id, load const& one) const;
  void no_longer_ahead(tensor_id id);
  void give_up_ahead(tensor_id id, load& one);
  bool give_up_what_waits();

  // residency_stages.cpp
  [[nodiscard]] records::stage_size stage_size_of(tensor_id id) const;
  [[nodiscard]] eviction_reason why_from_ram(tensor_id id, eviction_reason otherwise) const;
  void clear_ram(byte_range range, eviction_reason why);
  void free_ring(byte_range range);
  void free_rings();
  [[nodiscard]] bool room_in_ram_ahead(tensor_id id) const;
  std::optional<tier_arena::placement> place_as_planned_in_ram(tensor_id id);
  std::optional<tier_arena::placement> find_stage(tensor_id id, records::stage_size& size, bool homes_stay);
  bool stage(tensor_id id, load& one);
  void take_stage(tensor_id id, load& one, tier_arena::placement placed, std::uint64_t ring_chunk);
  void await_stage(tensor_id id, load& one);
  void stage_over(load const& gone);
  void end_stage_use(fence use, std::span<fence const> before);
  bool leave_stage(tensor_id id, load const& gone);
  void drop(tensor_id id, load& one);

  // residency_answers.cpp
  void remap_served(tensor_id id, load& one, tier where);
  [[nodiscard]] tier_arena::placement remap_of(tensor_id id, load const& one, remap_command const& what) const;
  void give_place_back(tensor_id id, load& one, remap_command const& what, std::size_t commits_done);
  void place_refused(tensor_id id, load& one, tier where, failure const& why, bool out_of_memory);
  bool unstage(tensor_id id, load& one);
  void end_drains();
  void end_quarantine(records::ram_drain& one);
  void settle_if_needed();
  [[nodiscard]] bool nothing_waits() const;
  [[nodiscard]] bool somebody_waits() const;
  [[nodiscard]] bool nothing_comes() const;
  void pump() {
    if (!nothing_waits()) [[unlikely]]
      pump_on();
  }
  void pump_on();
  bool go_on();

  catalog const& tensors_;
  residency_options options_;
  std::array<tier_state, 2> tiers_;
  byte_range scratch_;
  std::uint64_t ring_floor_bytes_ = 0;  // the least RAM through which any tensor can reach the device
  std::vector<command> commands_;
  std::map<request_id, request> requests_;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint32_t, load> loads_;
  course course_;
  std::vector<tensor_id> ahead_;  // in VRAM or on their way there before anybody asked, in order
  std::uint64_t ahead_bytes_ = 0;
  std::vector<tensor_id> staging_;  // loads that wait for RAM, in order
  std::vector<tensor_id> placing_;  // loads that wait for VRAM, in order
  stage_uses stage_uses_;
  std::size_t waiting_stages_ = 0;             // loads that have a place in RAM, and wait for it
  bool plan_comes_ = false;                    // asked for, and what was acquired last waits for it
  bool out_of_turn_ = false;                   // nothing else could go on
  std::deque<records::ram_drain> ram_drains_;  // in the order they ended: behind one that passes late some wait longer
  std::vector<records::ram_drain> unproved_drains_;  // whose order is not proved
  std::vector<records::quarantine> quarantined_vram_;
  bool settle_asked_ = false;
  std::vector<records::unproven_use> unproven_;  // the earliest first
  fence_clock fences_;
  holders holders_;
  std::optional<failure> lost_;
  bool closed_ = false;
  statistics counters_;
};

}  // namespace tierpager
