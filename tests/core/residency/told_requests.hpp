// Those who wait for loads, as a fake: keeps what it is told, refuses nothing, and no handle is ever released. For tests of the
// parts below the admission.
#pragma once

#include <utility>
#include <vector>

#include <core/residency/waiting_requests.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {

class told_requests : public waiting_requests {
 public:
  void arrived(tensor_id id, load& coming, tier where) override {
    came.emplace_back(id, where);
    coming.waiters.clear();
  }
  void failed(load& coming, failure const& why) override {
    failures.push_back(why);
    coming.waiters.clear();
  }
  bool refuse_starved(tensor_id, load&) override { return false; }
  [[nodiscard]] failure no_place(tensor_id, load const&) const override {
    return {.code = errc::blocked_by_handles, .what = "no place"};
  }
  [[nodiscard]] bool may_release_vram() const override { return false; }

  std::vector<std::pair<tensor_id, tier>> came;
  std::vector<failure> failures;
};

}  // namespace tierpager::test
