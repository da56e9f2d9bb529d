// The pager without bytes, against what one works out by hand: four tensors that take 1 ms over the link each.
#include <tools/virtual_pager.hpp>

#include <gtest/gtest.h>

#include <tools/simulation.hpp>

namespace tierpager::tools {
namespace {

constexpr std::uint64_t tensor_bytes = 1'024'000;  // whole granules
constexpr double link = 1.024e9;                   // so that a copy takes 1 ms
constexpr double microsecond = 1e-6;

catalog four_tensors() {
  catalog made;
  made.add_file("file");
  for (std::uint64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(made.add({.name = std::string(1, static_cast<char>('a' + i)),
                          .dtype = "U8",
                          .shape = {tensor_bytes},
                          .offset = i * tensor_bytes,
                          .bytes = tensor_bytes})
                    .ok());
  return made;
}

class virtual_time : public testing::Test {
 protected:
  [[nodiscard]] virtual_pager_options with(std::uint64_t vram_tensors, std::uint64_t ram_tensors,
                                           transfer_rates const& rates) const {
    return {.core = {.vram = {.present = vram_tensors > 0, .budget_bytes = vram_tensors * tensor_bytes},
                     .ram = {.budget_bytes = ram_tensors * tensor_bytes}},
            .policy = "lru",
            .pin_vram = {},
            .pin_ram = {},
            .machine = rates};
  }

  [[nodiscard]] std::vector<pass_report> play(virtual_pager_options const& options, std::uint32_t passes) const {
    schedule const order{{file_order(tensors_)}, passes, {}};
    return simulate(tensors_, options, order, [](std::uint64_t) {}).passes;
  }

  static void expect_milliseconds(std::vector<pass_report> const& passes, std::vector<double> const& expected) {
    ASSERT_EQ(passes.size(), expected.size());
    for (std::size_t pass = 0; pass < passes.size(); ++pass)
      EXPECT_NEAR(passes[pass].seconds, expected[pass] / 1e3, microsecond) << "pass " << pass;
  }

  catalog tensors_ = four_tensors();
  tensor_id const a_{0}, b_{1}, c_{2}, d_{3};
};

TEST_F(virtual_time, is_the_links_where_nothing_else_takes_time) {
  expect_milliseconds(play(with(2, 4, {.link_bytes_per_second = link}), 3), {4, 4, 4});
}

TEST_F(virtual_time, is_the_streams_where_compute_takes_longer_than_the_link) {
  // Copies: a 0-1, b 1-2, c 3-4 behind the work on a, d 5-6 behind that on b. Work: a 1-3, b 3-5, c 5-7, d 7-9.
  auto const passes = play(with(2, 4, {.link_bytes_per_second = link, .compute_seconds = 0.008}), 3);
  expect_milliseconds(passes, {9, 8, 8});
}

TEST_F(virtual_time, adds_up_where_there_is_room_for_one_tensor_alone) {
  expect_milliseconds(play(with(1, 4, {.link_bytes_per_second = link, .compute_seconds = 0.004}), 2), {8, 8});
}

TEST_F(virtual_time, is_the_disks_where_that_is_slowest) {
  // Reads of 2 ms one behind the other, each copied while the next is read: only the last copy shows.
  auto const passes =
      play(with(2, 2, {.link_bytes_per_second = link, .disk_bytes_per_second = link / 2, .compute_seconds = 0}), 2);
  expect_milliseconds(passes, {9, 8});
  // Of the 2 ms for each read the stream waits 1 ms for the copy of the tensor before; that is no stall.
  EXPECT_NEAR(passes[0].counted.stall_seconds, 0.005, microsecond);
  EXPECT_NEAR(passes[1].counted.stall_seconds, 0.004, microsecond);
}

TEST_F(virtual_time, reads_the_pieces_of_a_tensor_one_behind_the_other) {
  // Two pieces of 1 ms on the disk. Another's place is taken once all is read, so both pieces of the last are copied then.
  virtual_pager_options options = with(2, 2, {.link_bytes_per_second = link, .disk_bytes_per_second = link / 2});
  options.core.chunk_bytes = tensor_bytes / 2;
  expect_milliseconds(play(options, 2), {9, 8});
}

TEST_F(virtual_time, lets_a_copy_into_ram_wait_for_the_copy_out_of_it) {
  // One slot of RAM and no disk time: each read waits until the copy before it has left.
  auto const passes = play(with(2, 1, {.link_bytes_per_second = link}), 2);
  expect_milliseconds(passes, {4, 4});
  EXPECT_EQ(passes[0].counted.stall_seconds, 0.0);  // the caller waits 3 ms, and the stream never runs dry
}

TEST_F(virtual_time, is_the_callers_own_where_there_is_no_device_tier) {
  expect_milliseconds(play(with(0, 2, {.disk_bytes_per_second = link / 2, .compute_seconds = 0.004}), 2), {12, 12});
}

TEST_F(virtual_time, runs_on_for_the_device_while_the_caller_runs_ahead) {
  virtual_pager pages(tensors_, with(4, 4, {.link_bytes_per_second = link}));
  for (tensor_id const id : {a_, b_, c_, d_}) {
    pages.acquire({&id, 1});
    pages.compute(0.001);
    pages.release({&id, 1});
  }
  EXPECT_EQ(pages.now(), 0);
  EXPECT_NEAR(pages.done_at(), 0.005, microsecond);
  pages.synchronize();
  EXPECT_NEAR(pages.now(), 0.005, microsecond);
}

TEST_F(virtual_time, keeps_a_set_that_is_held_while_others_pass_through) {
  virtual_pager pages(tensors_, with(3, 4, {.link_bytes_per_second = link}));
  tensor_id const held[] = {a_, b_};
  pages.acquire(held);
  for (int round = 0; round < 2; ++round) {
    for (tensor_id const id : {c_, d_}) {
      pages.acquire({&id, 1});
      pages.release({&id, 1});
    }
  }
  EXPECT_TRUE(pages.core().resident(a_, tier::vram) && pages.core().resident(b_, tier::vram));
  EXPECT_EQ(pages.stats().bytes_to_device, 6 * tensor_bytes);
  pages.release(held);
}

TEST_F(virtual_time, refuses_what_can_never_fit_like_a_pager_does) {
  EXPECT_THROW((void)play(with(0, 0, {}), 1), error);
  virtual_pager pages(tensors_, with(2, 4, {}));
  tensor_id const set[] = {a_, b_, c_};
  try {
    pages.acquire(set);
    FAIL() << "three tensors where two fit";
  } catch (error const& why) {
    EXPECT_EQ(why.code(), errc::budget_too_small);
  }
}

TEST(virtual_machine, remembers_what_is_still_to_run) {
  virtual_machine machine({.link_bytes_per_second = link});
  machine.launch(0, 0.001);
  fence const first = machine.record_compute();
  machine.launch(0, 0.001);
  machine.launch(0, 0.001);
  EXPECT_NEAR(machine.passes_at(first), 0.001, microsecond);
  EXPECT_NEAR(machine.passes_at(machine.copy(0, tensor_bytes, {&first, 1})), 0.002, microsecond);
  machine.launch(0.002, 0.001);
  EXPECT_LE(machine.passes_at(first), 0.002);
  EXPECT_NEAR(machine.computed_at(), 0.004, microsecond);
}

TEST(simulate_steady, gives_the_pass_that_comes_again_and_not_the_first) {
  catalog const tensors = four_tensors();
  virtual_pager_options options{.core = {}, .policy = "lru", .pin_vram = {}, .pin_ram = {}};
  schedule const order{{file_order(tensors)}, 1, {}};
  options.machine.link_bytes_per_second = link;
  steady_pass const everything_fits = simulate_steady(tensors, options, order);
  EXPECT_EQ(everything_fits.to_device_bytes, 0U);
  EXPECT_EQ(everything_fits.seconds, 0);
  options.core.vram.budget_bytes = 2 * tensor_bytes;
  steady_pass const half = simulate_steady(tensors, options, order);
  EXPECT_EQ(half.to_device_bytes, 4 * tensor_bytes);
  EXPECT_EQ(half.from_disk_bytes, 0U);
  EXPECT_NEAR(half.seconds, 0.004, microsecond);
}

}  // namespace
}  // namespace tierpager::tools
