// What the test of one part of the executor needs around that part: a pager_core over four tensors of a page each, whose commands
// are kept for the test to look at, and a device that keeps the calls made to it and answers as the test says. The test's
// own thread, but where a test starts others; every call of the device checks that the lock is free.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <host/host_device.hpp>
#include <host/pager_core.hpp>
#include <host/this_thread_owner.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::test {

/// Its streams are any addresses; the copy stream is number 0, the others are numbered as they come.
class scripted_device final : public forwarding_device {
 public:
  scripted_device() : forwarding_device(std::make_shared<host_device>(host_device_options{.lock_pages = false})) {}

  // What it answers -------------------------------------------------------------------------------------------------
  std::set<fence> has_passed;
  std::map<std::string, failure> fails;  // by the name of the call
  bool captures = false;
  std::optional<failure> unlocked;  // what page_lock_failure says
  std::function<void()> on_call;    // in each call that may block

  [[nodiscard]] std::vector<std::string> take_calls() { return std::exchange(calls_, {}); }
  void forget_calls() { calls_.clear(); }
  static stream_ref stream(std::uintptr_t number) { return stream_ref(reinterpret_cast<void*>(number << 8U)); }

  [[nodiscard]] stream_kind takes() const override { return stream_kind::own; }
  [[nodiscard]] stream_ref copy_stream() override { return stream(1000); }
  [[nodiscard]] std::optional<failure> page_lock_failure() const override { return unlocked; }
  status commit(tier where, byte_range range) override {
    return answer("commit", std::string(name_of(where)), [&] { return real().commit(where, range); });
  }
  status decommit(tier where, byte_range range) override {
    return answer("decommit", std::string(name_of(where)), [&] { return real().decommit(where, range); });
  }
  result<fence> copy_async(std::uint64_t, std::uint64_t, std::uint64_t bytes) override {
    return answer("copy", std::to_string(bytes), [&] { return next_fence(copy_stream()); });
  }
  result<bool> capturing(stream_ref of) override {
    return answer("capturing", spelt(of), [&] { return result<bool>(captures); });
  }
  result<fence> record(stream_ref on) override {
    return answer("record", spelt(on), [&] { return next_fence(on); });
  }
  status wait(stream_ref on, fence until) override {
    return answer("wait", spelt(on) + " for " + spelt(until), [] { return status(); });
  }
  result<bool> passed(fence which) override {
    return answer("passed", spelt(which), [&] { return result<bool>(has_passed.contains(which)); });
  }
  status retire(stream_ref of) override {
    return answer("retire", spelt(of), [] { return status(); });
  }

 private:
  std::uint32_t number(stream_ref of) {
    return of == copy_stream() ? 0 : static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(of.get()) >> 8U);
  }
  std::string spelt(stream_ref of) { return std::to_string(number(of)); }
  static std::string spelt(fence which) { return std::to_string(which.stream) + ":" + std::to_string(which.sequence); }
  result<fence> next_fence(stream_ref on) { return fence{number(on), ++sequences_[number(on)]}; }
  template <class Answer>
  auto answer(std::string const& call, std::string const& about, Answer const& answers) -> decltype(answers()) {
    if (on_call) on_call();
    calls_.push_back(call + " " + about);
    auto const found = fails.find(call);
    if (found != fails.end()) return found->second;
    return answers();
  }

  std::vector<std::string> calls_;
  std::map<std::uint32_t, std::uint64_t> sequences_;
};

/// Keeps commands, and passes each to `also` where that is set.
class kept_commands final : public command_taker {
 public:
  void take(command& next) override {
    if (also) also(next);
    all_.push_back(std::move(next));
  }
  template <class Kind>
  std::vector<Kind> take_all() {
    std::vector<Kind> taken;
    std::erase_if(all_, [&](command& each) {
      auto* const found = std::get_if<Kind>(&each);
      if (found != nullptr) taken.push_back(std::move(*found));
      return found != nullptr;
    });
    return taken;
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }

  std::function<void(command&)> also;

 private:
  std::vector<command> all_;
};

class lone_part : public testing::Test {
 protected:
  static constexpr std::uint64_t tensor_bytes = page;
  static constexpr std::uint32_t tensors = 4;
  static failure lost() { return {.code = errc::device_lost, .what = "the device is lost"}; }
  static failure failed() { return {.code = errc::device_failed, .what = "the call failed"}; }

  /// VRAM holds two of the tensors, RAM all of them.
  explicit lone_part(char const* policy = "lru")
      : lone_part({.vram = {.budget_bytes = 2 * tensor_bytes}, .ram = {}, .chunk_bytes = tensor_bytes}, policy) {}
  lone_part(residency_options const& options, char const* policy) {
    device_.on_call = [this] { expect_free(); };
    scoped_lock const lock(core_.mutex());
    std::vector<std::uint64_t> const sizes(tensors, tensor_bytes);
    core_.open(std::make_unique<residency>(model_.tensors, options, make_eviction_policy(policy, sizes).value(),
                                           make_eviction_policy(policy, sizes).value()));
  }

  /// Waits a while for the lock on another thread, which gets it in the end.
  void expect_free() {
    auto taken = std::async(std::launch::async, [this] { scoped_lock const lock(core_.mutex()); });
    bool const is_free = taken.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    EXPECT_TRUE(is_free) << "the device is called under the lock";
    if (!is_free) std::abort();  // else it would hang
  }
  /// Memory comes, chunks are read and copied, at once, until nothing of these is asked for.
  void carry_out() TIERPAGER_REQUIRES(pager_lock) {
    for (core_.dispatch();; core_.dispatch()) {
      auto const remaps = commands_.take_all<remap_command>();
      auto const reads = commands_.take_all<read_command>();
      auto const copies = commands_.take_all<copy_command>();
      if (remaps.empty() && reads.empty() && copies.empty()) return;
      for (remap_command const& each : remaps)
        core_->remapped(each.where, each.decommits.size(), each.commits.size(), {});
      for (read_command const& each : reads) core_->read_done(each.tensor, each.chunk, {});
      for (copy_command const& each : copies) core_->copy_queued(each.tensor, each.chunk, {0, ++copies_});
    }
  }
  /// In VRAM, with one use of this thread. The fence of its copy.
  fence load(tensor_id id) TIERPAGER_REQUIRES(pager_lock) {
    (void)ask_for(id);
    carry_out();
    return {0, copies_};
  }
  request_id ask_for(tensor_id id, tier where = tier::vram) TIERPAGER_REQUIRES(pager_lock) {
    auto const asked = core_->acquire(std::span(&id, 1), where, this_thread_owner());
    EXPECT_TRUE(asked.ok());
    core_.dispatch();
    return asked.value().request;
  }

  watchdog const limit_{"a test of a part of the executor"};
  pattern_model model_ = make_pattern_model(tensors, tensor_bytes);
  scripted_device device_;
  kept_commands commands_;
  pager_core core_{commands_};
  std::uint64_t copies_ = 0;
};

}  // namespace tierpager::test
