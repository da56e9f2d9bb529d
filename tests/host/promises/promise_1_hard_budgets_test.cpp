// Promise 1: a tier never holds a byte more than its effective budget, which is reported; what can never fit is
// refused with the figure that would do.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <random>

#include <tests/support/metered_device.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t most(std::uint64_t a, std::uint64_t b) { return a > b ? a : b; }

struct promise_1_hard_budgets : testing::Test {
  std::uint64_t const sizes_[5] = {5 * page + 1, page - 1, 3 * page, 1, 2 * page};  // footprints 6, 1, 3, 1, 2
  pattern_model model_ = make_pattern_model(sizes_);
  host_stream stream_;

  std::optional<failure> acquire(pager_options options, std::vector<tensor_id> const& ids) {
    return failure_of([&] {
      pager paged(model_.tensors, model_.source, jittery_device(), std::move(options));
      return paged.acquire(ids, stream_).size();
    });
  }
  std::optional<failure> acquire_host(pager_options options, std::vector<tensor_id> const& ids) {
    return failure_of([&] {
      pager paged(model_.tensors, model_.source, jittery_device(), std::move(options));
      return paged.acquire_host(ids).size();
    });
  }
};

/// A pager under a random load, measured from below. Holds handles only where the budget leaves room for more.
class random_run {
 public:
  explicit random_run(std::uint64_t seed)
      : random_(seed), model_(make_pattern_model(random_sizes())), reader_(model_.tensors) {
    device_ = std::make_shared<metered_device>(jittery_device(seed + 1));
    scratch_bytes_ = draw(0, 2) == 0 ? draw(1, 3 * page) : 0;
    tight_ = draw(0, 1) == 0;
    vram_bytes_ = random_vram();
    paged_.emplace(model_.tensors, model_.source, device_,
                   pager_options{.vram = bytes(vram_bytes_),
                                 .ram = bytes(draw(0, 3) == 0 ? 0 : draw(0, 40 * page)),
                                 .chunk_bytes = 2 * page,
                                 .reader_threads = 2,
                                 .scratch_bytes = scratch_bytes_});
    check();
  }
  ~random_run() { held_.clear(); }

  void step() {
    switch (draw(0, 9)) {
      case 0: change_budget(); break;
      case 1: change_pins(); break;
      case 2:
      case 3: use_host(); break;
      case 4:
      case 5: use_set(); break;
      default: use_one(); break;
    }
    check();
  }

  void finish() {
    held_.clear();
    for (host_stream& each : streams_) each.synchronize();
    EXPECT_EQ(reader_.wrong(), 0U);
    EXPECT_GT(reader_.checked(), 0U);
    check();
  }

 private:
  static constexpr std::uint64_t tensors = 12;

  std::uint64_t draw(std::uint64_t from, std::uint64_t to) {
    return std::uniform_int_distribution<std::uint64_t>(from, to)(random_);
  }
  std::vector<std::uint64_t> random_sizes() {
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t i = 0; i < tensors; ++i) sizes.push_back(i == 0 ? 0 : draw(1, (i % 3 + 1) * 4 * page));
    return sizes;
  }
  std::uint64_t footprint(tensor_id id) const { return round_up(model_.tensors[id].bytes, page); }
  tensor_id any() { return static_cast<tensor_id>(draw(0, tensors - 1)); }
  host_stream& stream() { return streams_[draw(0, 1)]; }

  // One tensor at a time beside at most one pin, or three beside it and two that are held.
  std::uint64_t random_vram() {
    std::uint64_t const scratch = round_up(scratch_bytes_, page);
    return scratch + (tight_ ? 2 : 6) * 12 * page + draw(0, 6 * page);
  }

  void change_budget() {
    if (draw(0, 1) == 0) {
      held_.clear();
      vram_bytes_ = random_vram();
      (void)paged_->set_budget(tier::vram, bytes(vram_bytes_));
    } else {
      // Refused where RAM pins no longer fit; then the old budget stays.
      (void)code_of([&] { return paged_->set_budget(tier::ram, bytes(draw(0, 40 * page))); });
    }
  }

  void change_pins() {
    for (tier where : {tier::vram, tier::ram}) {
      for (std::uint64_t i = 0; i < tensors; ++i) paged_->unpin(static_cast<tensor_id>(i), where);
      if (draw(0, 1) == 0) (void)code_of([&] { return paged_->pin(any(), where), 0; });
    }
  }

  void use_one() {
    host_stream& on = stream();
    handle held = paged_->acquire(any(), on);
    reader_.read(held, on);
    if (tight_) return;
    held_.push_back(std::move(held));
    if (held_.size() > 2) held_.pop_front();
  }

  void use_set() {
    held_.clear();
    host_stream& on = stream();
    std::vector<tensor_id> const ids = {any(), any(), any()};
    try {
      for (handle const& held : paged_->acquire(ids, on)) reader_.read(held, on);
    } catch (error const& refused) {
      EXPECT_EQ(refused.code(), errc::budget_too_small);
    }
  }

  void use_host() {
    try {
      reader_.read_now(paged_->acquire_host(any()));
    } catch (error const& refused) {
      EXPECT_EQ(refused.code(), errc::budget_too_small);
    }
  }

  void check() {
    statistics const now = paged_->stats();
    for (tier where : {tier::vram, tier::ram}) {
      tier_statistics const& of_tier = where == tier::vram ? now.vram : now.ram;
      std::uint64_t& highest = highest_[static_cast<std::size_t>(where)];
      highest = most(highest, of_tier.effective_bytes);
      EXPECT_LE(of_tier.committed_bytes, of_tier.effective_bytes) << name_of(where);
      EXPECT_LE(of_tier.peak_bytes, highest) << name_of(where);
      eventually([&] {  // once the answer of a commit under way is in
        statistics const later = paged_->stats();
        return device_->peak_bytes(where) <= (where == tier::vram ? later.vram : later.ram).peak_bytes;
      });
      EXPECT_LE(of_tier.resident_bytes, of_tier.committed_bytes) << name_of(where);
    }
    EXPECT_EQ(paged_->scratch().size(), round_up(scratch_bytes_, vram_align_bytes));
  }

  std::mt19937_64 random_;
  pattern_model model_;
  stream_reader reader_;
  std::array<host_stream, 2> streams_;
  std::shared_ptr<metered_device> device_;
  std::uint64_t scratch_bytes_ = 0;
  std::uint64_t vram_bytes_ = 0;
  bool tight_ = false;
  std::array<std::uint64_t, 2> highest_{};
  std::optional<pager> paged_;
  std::deque<handle> held_;
};

TEST_F(promise_1_hard_budgets, no_tier_ever_commits_more_than_its_effective_budget) {
  for (std::uint64_t seed = 1; seed <= (under_thread_sanitizer ? 8U : 40U); ++seed) {
    watchdog const limit("random run of seed " + std::to_string(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_run run(seed);
    for (int i = 0; i < 60; ++i) run.step();
    run.finish();
    if (testing::Test::HasFailure()) return;
  }
}

TEST_F(promise_1_hard_budgets, a_ram_budget_of_nothing_becomes_the_smallest_buffer_and_is_reported) {
  pattern_model model = make_pattern_model(3, 20 * page);
  stream_reader reader(model.tensors);
  host_stream stream;
  auto device = std::make_shared<metered_device>(jittery_device());
  pager paged(model.tensors, model.source, device,
              {.vram = bytes(20 * page), .ram = bytes(0), .chunk_bytes = 3 * page});
  for (std::uint32_t i = 0; i < 6; ++i) reader.read(paged.acquire(tensor_id{i % 3}, stream), stream);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_EQ(paged.stats().ram.budget_bytes, 0U);
  EXPECT_EQ(paged.stats().ram.effective_bytes, 6 * page);
  EXPECT_LE(device->peak_bytes(tier::ram), 6 * page);
}

TEST_F(promise_1_hard_budgets, the_smallest_buffer_is_the_largest_tensor_where_that_is_less) {
  std::uint64_t const sizes[] = {page, 2 * page + 1};
  pattern_model model = make_pattern_model(sizes);
  stream_reader reader(model.tensors);
  host_stream stream;
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(3 * page), .ram = bytes(0)});
  EXPECT_EQ(paged.stats().ram.effective_bytes, 3 * page);
  for (std::uint32_t i = 0; i < 4; ++i) reader.read(paged.acquire(tensor_id{i % 2}, stream), stream);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  EXPECT_LE(paged.stats().ram.peak_bytes, 3 * page);
}

/// What a pager with that budget fails with, from its constructor or from what is asked of it.
using attempt = std::function<std::optional<failure>(std::uint64_t budget_bytes)>;

std::uint64_t figure_of(failure const& why) {
  EXPECT_EQ(why.code, errc::budget_too_small) << why.describe();
  std::string const text = "at least ";
  std::size_t const at = why.what.find(text);
  EXPECT_NE(at, std::string::npos) << why.what;
  return at == std::string::npos ? 0 : std::stoull(why.what.substr(at + text.size()));
}

void expect_exact_figure(attempt const& with_budget, std::uint64_t expected_bytes, std::uint64_t too_small_bytes = 0) {
  watchdog const limit("a request that can never fit");
  auto const refused = with_budget(too_small_bytes);
  ASSERT_TRUE(refused);
  std::uint64_t const needed = figure_of(*refused);
  EXPECT_EQ(needed, expected_bytes);
  auto const at_the_figure = with_budget(needed);
  EXPECT_FALSE(at_the_figure) << at_the_figure->describe();
  auto const below = with_budget(needed - 1);
  ASSERT_TRUE(below);
  EXPECT_EQ(figure_of(*below), needed);
}

TEST_F(promise_1_hard_budgets, the_figure_of_one_tensor_works_and_one_byte_less_is_refused) {
  expect_exact_figure(
      [&](std::uint64_t with) { return acquire({.vram = bytes(with), .ram = bytes(page)}, {tensor_id{0}}); }, 6 * page);
}

TEST_F(promise_1_hard_budgets, the_figure_of_a_set_counts_a_tensor_named_twice_once) {
  std::vector<tensor_id> const ids = {tensor_id{0}, tensor_id{2}, tensor_id{0}, tensor_id{3}};
  expect_exact_figure([&](std::uint64_t with) { return acquire({.vram = bytes(with), .ram = bytes(0)}, ids); },
                      9 * page);
}

TEST_F(promise_1_hard_budgets, the_figure_of_a_set_beside_pins_counts_the_pins) {
  std::vector<tensor_id> const ids = {tensor_id{0}, tensor_id{1}, tensor_id{4}};  // beside t2; t4 is pinned too
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire({.vram = bytes(with), .ram = bytes(0), .pin_vram = {"t2", "t4"}}, ids);
      },
      12 * page, 11 * page);
}

TEST_F(promise_1_hard_budgets, the_figure_of_pins_leaves_room_for_the_largest_unpinned_tensor) {
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire({.vram = bytes(with), .ram = bytes(0), .pin_vram = {"t2"}}, {tensor_id{0}});
      },
      9 * page);
}

TEST_F(promise_1_hard_budgets, the_figure_of_several_pin_options_counts_them_all) {
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire({.vram = bytes(with), .ram = bytes(0), .pin_vram = {"t2", "t4"}}, {tensor_id{0}});
      },
      11 * page);
}

TEST_F(promise_1_hard_budgets, the_figure_counts_scratch) {
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire({.vram = bytes(with), .ram = bytes(0), .scratch_bytes = 2 * page + 1}, {tensor_id{0}});
      },
      8 * page, 3 * page);
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire({.vram = bytes(with), .ram = bytes(0), .pin_vram = {"t3"}, .scratch_bytes = page},
                       {tensor_id{0}});
      },
      7 * page, page);
  pager without_room(model_.tensors, model_.source, jittery_device(),
                     {.vram = bytes(2 * page), .scratch_bytes = 2 * page + 1});
  EXPECT_TRUE(without_room.scratch().empty());
  EXPECT_EQ(code_of([&] { (void)without_room.acquire(tensor_id{0}, stream_); }), errc::budget_too_small);
}

TEST_F(promise_1_hard_budgets, the_figure_of_host_pointers_is_that_of_the_ram_tier) {
  expect_exact_figure(
      [&](std::uint64_t with) { return acquire_host({.vram = "none", .ram = bytes(with)}, {tensor_id{0}}); }, 6 * page);
  std::vector<tensor_id> const ids = {tensor_id{0}, tensor_id{2}};
  expect_exact_figure(
      [&](std::uint64_t with) { return acquire_host({.vram = "none", .ram = bytes(with), .pin_ram = {"t4"}}, ids); },
      11 * page, 8 * page);
  expect_exact_figure(
      [&](std::uint64_t with) {
        return acquire_host({.vram = bytes(page), .ram = bytes(with), .chunk_bytes = page}, ids);
      },
      9 * page);
}

TEST_F(promise_1_hard_budgets, a_figure_binds_a_budget_that_is_lowered_while_running) {
  pager paged(model_.tensors, model_.source, jittery_device(), {.vram = bytes(20 * page), .ram = bytes(0)});
  (void)paged.acquire(tensor_id{0}, stream_);
  paged.set_budget(tier::vram, bytes(6 * page - 1));
  auto const refused = failure_of([&] {
    return paged.acquire(tensor_id{0}, stream_).size_bytes() + paged.acquire(tensor_id{2}, stream_).size_bytes();
  });
  // What is there already may still be used; the first load is refused.
  if (refused) {
    EXPECT_EQ(figure_of(*refused), 6 * page);
  }
  watchdog const limit("a lowered budget");
  eventually([&] { return paged.stats().vram.effective_bytes == 6 * page - 1; });
  EXPECT_LE(paged.stats().vram.committed_bytes, 5 * page);
  auto const now = failure_of([&] { return paged.acquire(tensor_id{0}, stream_).size_bytes(); });
  ASSERT_TRUE(now);
  EXPECT_EQ(figure_of(*now), 6 * page);
  paged.set_budget(tier::vram, bytes(6 * page));
  EXPECT_EQ(paged.acquire(tensor_id{0}, stream_).size_bytes(), sizes_[0]);
}

TEST_F(promise_1_hard_budgets, unlimited_holds_the_whole_model) {
  pattern_model model = make_pattern_model(9, 3 * page);
  stream_reader reader(model.tensors);
  host_stream stream;
  pager paged(model.tensors, model.source, jittery_device(), {.vram = "unlimited", .ram = "unlimited"});
  for (int pass = 0; pass < 2; ++pass)
    for (std::uint32_t i = 0; i < 9; ++i) reader.read(paged.acquire(tensor_id{i}, stream), stream);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
  statistics const now = paged.stats();
  EXPECT_EQ(now.vram.budget_bytes, unlimited_bytes);
  EXPECT_EQ(now.vram.evictions() + now.ram.evictions(), 0U);
  EXPECT_EQ(now.vram_hits, 9U);
  EXPECT_EQ(now.vram.peak_bytes, 27 * page);
}

TEST_F(promise_1_hard_budgets, none_is_no_such_tier) {
  pattern_model model = make_pattern_model(3, page);
  host_stream stream;
  pager host_only(model.tensors, model.source, jittery_device(), {.vram = "none", .ram = bytes(page)});
  EXPECT_FALSE(host_only.stats().vram.present);
  EXPECT_EQ(code_of([&] { return host_only.acquire(tensor_id{0}, stream); }), errc::invalid_argument);
  EXPECT_EQ(code_of([&] { return host_only.set_budget(tier::vram, bytes(page)); }), errc::invalid_argument);
  EXPECT_TRUE(host_only.acquire_host(tensor_id{0}));
  pager device_only(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = "none"});
  EXPECT_FALSE(device_only.stats().ram.present);
  EXPECT_EQ(code_of([&] { return device_only.acquire_host(tensor_id{0}); }), errc::invalid_argument);
  EXPECT_TRUE(device_only.acquire(tensor_id{0}, stream));
  EXPECT_LE(device_only.stats().ram.peak_bytes, device_only.stats().ram.effective_bytes);
}

}  // namespace
}  // namespace tierpager::test
