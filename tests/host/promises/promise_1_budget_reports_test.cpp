// Promise 1: what set_budget and the statistics say of a budget that changes: what was asked for, what binds, what is still to
// be given back, and what the system does not give.
#include <random>

#include <gtest/gtest.h>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t granule = 16 * page;

struct promise_1_budget_reports : testing::Test {
  void use_all(pager& paged, tier where) {
    for (std::uint32_t i = 0; i < model_.tensors.size(); ++i) {
      if (where == tier::vram)
        reader_.read(paged.acquire(tensor_id{i}, stream_), stream_);
      else
        reader_.read_now(paged.acquire_host(tensor_id{i}));
    }
    stream_.synchronize();
  }
  void expect_final(pager& paged, tier where, std::uint64_t asked) {
    budget_report const report = paged.set_budget(where, bytes(asked));
    EXPECT_EQ(report.asked_bytes, asked);
    EXPECT_EQ(report.effective_bytes, std::max(asked, report.least_bytes));
    EXPECT_EQ(report.pending_bytes, 0U);
    statistics const now = paged.stats();
    tier_statistics const& of_tier = where == tier::vram ? now.vram : now.ram;
    EXPECT_EQ(of_tier.budget_bytes, asked);
    EXPECT_EQ(of_tier.least_bytes, report.least_bytes);
    EXPECT_EQ(of_tier.effective_bytes, report.effective_bytes);
    EXPECT_EQ(of_tier.pending_bytes, 0U);
    EXPECT_LE(device_->committed_bytes(where), report.effective_bytes);
  }

  static constexpr std::uint64_t tensor_bytes = 5 * page + 300;
  pattern_model const model_ = make_pattern_model(40, tensor_bytes);
  std::shared_ptr<metered_device> const device_ = std::make_shared<metered_device>(std::make_shared<host_device>(
      host_device_options{.vram_granule_bytes = granule, .jitter_seed = 3, .poison = true}));
  stream_reader reader_{model_.tensors};
  host_stream stream_;
};

TEST_F(promise_1_budget_reports, are_final_at_once_where_nothing_is_held) {
  watchdog const alive("budgets of an idle pager");
  std::mt19937_64 random(5);
  pager paged(model_.tensors, model_.source, device_, {.vram = "100%", .ram = "100%", .policy = "lru"});
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    use_all(paged, tier::vram);
    for (tier const where : {tier::vram, tier::ram})
      expect_final(paged, where, 2 * granule + random() % (40 * tensor_bytes));
  }
  EXPECT_EQ(reader_.wrong(), 0U);
}

TEST_F(promise_1_budget_reports, become_final_by_themselves_beside_loads_ahead) {
  watchdog const alive("budgets beside loads ahead");
  std::mt19937_64 random(7);
  pager paged(model_.tensors, model_.source, device_, {.vram = "100%", .ram = "100%"});
  for (int round = 0; round < 40; ++round) {
    use_all(paged, tier::vram);
    for (tier const where : {tier::vram, tier::ram}) {
      std::uint64_t const asked = 2 * granule + random() % (40 * tensor_bytes);
      (void)paged.set_budget(where, bytes(asked));
      eventually([&] {
        statistics const now = paged.stats();
        tier_statistics const& of_tier = where == tier::vram ? now.vram : now.ram;
        return of_tier.pending_bytes == 0 && of_tier.effective_bytes == asked;
      });
    }
  }
}

TEST_F(promise_1_budget_reports, are_final_at_once_without_a_device_tier) {
  watchdog const alive("RAM budgets of an idle pager");
  std::mt19937_64 random(6);
  pager paged(model_.tensors, model_.source, device_, {.vram = "none", .ram = "unlimited"});
  for (int round = 0; round < 40; ++round) {
    use_all(paged, tier::ram);
    expect_final(paged, tier::ram, 6 * page + random() % (40 * tensor_bytes));
  }
  EXPECT_EQ(reader_.wrong(), 0U);
}

TEST_F(promise_1_budget_reports, say_what_a_handle_above_the_cut_keeps_until_it_is_released) {
  watchdog const alive("a handle above the cut");
  pager paged(model_.tensors, model_.source, device_, {.vram = "100%", .ram = "none"});
  std::uint64_t const before = paged.stats().vram.effective_bytes;
  use_all(paged, tier::vram);
  handle last = paged.acquire(tensor_id{39}, stream_);  // in the last two granules
  budget_report const report = paged.set_budget(tier::vram, bytes(4 * granule));
  EXPECT_EQ(report.asked_bytes, 4 * granule);
  EXPECT_EQ(report.effective_bytes, before);
  EXPECT_GE(report.pending_bytes, granule);
  EXPECT_LE(report.pending_bytes, 2 * granule);
  EXPECT_EQ(paged.stats().vram.committed_bytes, 4 * granule + report.pending_bytes);
  EXPECT_EQ(paged.stats().vram.pending_bytes, report.pending_bytes);

  reader_.read(last, stream_);
  last.release();
  eventually([&] { return paged.stats().vram.pending_bytes == 0; });
  EXPECT_EQ(paged.stats().vram.effective_bytes, 4 * granule);
  EXPECT_EQ(device_->committed_bytes(tier::vram), 4 * granule);
  stream_.synchronize();
  EXPECT_EQ(reader_.wrong(), 0U);
}

TEST_F(promise_1_budget_reports, do_not_wait_for_a_stream_at_work) {
  watchdog const alive("a stream that stands still");
  stream_gate gate;
  host_stream stream;
  pager paged(model_.tensors, model_.source, device_, {.vram = "100%", .ram = "none"});
  use_all(paged, tier::vram);
  gate.block(stream);
  (void)paged.acquire(tensor_id{39}, stream);  // released before its work is over
  EXPECT_GT(paged.set_budget(tier::vram, bytes(4 * granule)).pending_bytes, 0U);
  gate.open();
  eventually([&] { return paged.stats().vram.pending_bytes == 0; });
}

TEST_F(promise_1_budget_reports, name_the_least_that_works_where_that_is_more) {
  pager paged(model_.tensors, model_.source, device_, {.vram = "100%", .ram = "100%"});
  budget_report const report = paged.set_budget(tier::ram, bytes(1));
  EXPECT_EQ(report.asked_bytes, 1U);
  EXPECT_EQ(report.least_bytes, 6 * page);  // the largest tensor, as it is smaller than two chunks
  EXPECT_EQ(report.effective_bytes, 6 * page);
  EXPECT_EQ(paged.set_budget(tier::vram, bytes(1)).effective_bytes,
            1U);  // and every acquire is refused with the figure
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{0}, stream_); }), errc::budget_too_small);
}

TEST_F(promise_1_budget_reports, say_and_warn_that_the_system_gives_less_and_ask_again_only_in_set_budget) {
  watchdog const alive("a system that gives less");
  for (std::string const policy : {"auto", "lru"}) {
    SCOPED_TRACE(policy);
    auto const device = std::make_shared<metered_device>(
        std::make_shared<host_device>(host_device_options{.vram_granule_bytes = granule, .poison = true}));
    std::mutex mutex;
    std::vector<std::string> warnings;
    auto const warned = [&](std::size_t times) {
      std::scoped_lock const lock(mutex);
      return warnings.size() == times;
    };
    device->limit(tier::vram, 4 * granule);
    pager paged(model_.tensors, model_.source, device,
                {.vram = "100%", .ram = "none", .policy = policy, .on_warning = [&](std::string const& what) {
                   std::scoped_lock const lock(mutex);
                   warnings.push_back(what);
                 }});
    std::uint64_t const whole = paged.stats().vram.budget_bytes;
    EXPECT_EQ(paged.stats().vram.effective_bytes, 4 * granule);
    EXPECT_EQ(warnings, std::vector<std::string>{"vram: the system gives no more than " + std::to_string(4 * granule) +
                                                 " bytes; the effective budget is now " + std::to_string(4 * granule)});
    std::uint64_t const asked = device->refusals(tier::vram);
    for (int pass = 0; pass < 3; ++pass) use_all(paged, tier::vram);
    std::vector<tensor_id> all;
    for (std::uint32_t i = 0; i < 14; ++i) all.push_back(tensor_id{i});
    EXPECT_EQ(code_of([&] { return paged.acquire(all, stream_); }), errc::out_of_memory);  // more than there is
    EXPECT_EQ(device->refusals(tier::vram), asked);

    device->limit(tier::vram, 6 * granule);
    budget_report const more = paged.set_budget(tier::vram, "100%");
    EXPECT_EQ(more.asked_bytes, whole);
    EXPECT_EQ(more.effective_bytes, 6 * granule);
    EXPECT_EQ(more.pending_bytes, 0U);
    EXPECT_EQ(device->committed_bytes(tier::vram), 6 * granule);
    eventually([&] { return warned(2); });  // a reader may have carried it out, and tell of it a moment later
    EXPECT_EQ(paged.acquire(all, stream_).size(), all.size());

    device->limit(tier::vram, unlimited_bytes);
    use_all(paged, tier::vram);
    EXPECT_EQ(paged.stats().vram.effective_bytes, 6 * granule);
    EXPECT_EQ(paged.set_budget(tier::vram, "100%").effective_bytes, whole);
    EXPECT_TRUE(warned(2));
  }
  EXPECT_EQ(reader_.wrong(), 0U);
}

}  // namespace
}  // namespace tierpager::test
