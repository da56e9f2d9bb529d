// Follows the order of the acquires, asks for a plan and adopts it, and loads ahead of the program what the plan streams. What is
// loaded ahead, and in which order, follows from the program's calls alone, not from when loads end. Not thread-safe: called
// under the pager's lock. Makes no plans.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <core/plan/plan.hpp>
#include <core/residency/admission.hpp>
#include <core/residency/plan_snapshot.hpp>

namespace tierpager {

class prefetcher {
 public:
  prefetcher(ledger& of, evictor& victims, reservations& promised, admission& requests)
      : ledger_(of), evictor_(victims), reservations_(promised), admission_(requests) {}

  // What the program does: calls for VRAM are what an order is made of ----------------------------------------------
  void acquired(std::span<tensor_id const> ids) {
    if (!ledger_.cursor.enabled()) return;
    ledger_.cursor.acquired(ids);
    follow();
  }
  void released(tensor_id id) {
    if (ledger_.cursor.enabled()) use_ended(id);
  }
  /// How the program will acquire; null: to be learned.
  void set_order(std::unique_ptr<access_cycle> order);

  // The plan -------------------------------------------------------------------------------------------------------
  /// Emits a plan command where a plan is wanted that has not been asked for.
  void ask_for_plan() {
    if (ledger_.cursor.has_question()) [[unlikely]]
      emit_plan_command();
  }
  /// The answer. Has no effect where the order, a budget or a pin has changed since it was asked for.
  void adopt(std::uint64_t epoch, std::optional<memory_plan> plan);

  // Loads ahead ----------------------------------------------------------------------------------------------------
  /// As far ahead as the streaming buffer reaches.
  void run_ahead() {
    if (ledger_.cursor.has_upcoming()) run_further_ahead();
  }
  /// What is absent of these, only into room that neither a use nor the plan nor another load ahead needs.
  void prefetch(std::span<tensor_id const> ids);

 private:
  void use_ended(tensor_id id);
  void emit_plan_command();
  void follow();
  void classify_all();
  void run_further_ahead();
  [[nodiscard]] std::uint64_t limit_bytes() const;
  [[nodiscard]] bool has_room(tensor_id id) const;
  [[nodiscard]] bool any_comes_elsewhere() const;
  bool load_ahead(tensor_id id);

  ledger& ledger_;
  evictor& evictor_;
  reservations& reservations_;
  admission& admission_;
};

}  // namespace tierpager
