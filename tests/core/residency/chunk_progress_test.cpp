// The chunks of one load alone: which reads and copies are due, and what their answers change.
#include <gmock/gmock.h>

#include <core/residency/chunk_progress.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class chunk_progress_alone : public testing::Test {
 protected:
  std::vector<std::uint32_t> reads() {
    chunks_.emit_reads(id(0), 1000, fences_, commands_);
    std::vector<std::uint32_t> numbers;
    for (read_command const& read : only<read_command>(take())) numbers.push_back(read.chunk);
    return numbers;
  }
  std::vector<std::uint32_t> copies() {
    chunks_.emit_copies(id(0), 1000, 5000, {}, commands_);
    std::vector<std::uint32_t> numbers;
    for (copy_command const& copy : only<copy_command>(take())) numbers.push_back(copy.chunk);
    return numbers;
  }
  std::vector<command> take() {
    std::vector<command> all;
    commands_.take(all);
    return all;
  }

  chunk_progress chunks_;
  fence_clock fences_;
  command_list commands_;
};

TEST_F(chunk_progress_alone, reads_all_chunks_at_once_side_by_side_and_the_last_one_as_far_as_it_goes) {
  chunks_.begin(250, 100, false, false);
  chunks_.emit_reads(id(0), 1000, fences_, commands_);
  auto const asked = only<read_command>(take());
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_EQ(asked[2].in_tensor, (byte_range{200, 50}));
  EXPECT_EQ(asked[2].ram_offset, 1200U);
  EXPECT_THAT(reads(), IsEmpty()) << "they are under way";
}

TEST_F(chunk_progress_alone, copies_each_chunk_once_it_is_read) {
  chunks_.begin(250, 100, false, false);
  (void)reads();
  chunks_.read_done(2, true, true);
  chunks_.emit_copies(id(0), 1000, 5000, {fence{1, 1}}, commands_);
  auto const asked = only<copy_command>(take());
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].vram_offset, 5200U);
  EXPECT_EQ(asked[0].bytes, 50U);
  EXPECT_THAT(asked[0].after, ElementsAre(fence{1, 1}));
  EXPECT_FALSE(chunks_.all_read());
  chunks_.read_done(0, true, true);
  chunks_.read_done(1, true, true);
  EXPECT_TRUE(chunks_.all_read() && !chunks_.reads_out());
  EXPECT_EQ(chunks_.bytes_read(), 250U);
}

TEST_F(chunk_progress_alone, reads_into_a_buffer_of_two_what_the_copies_have_left) {
  chunks_.begin(400, 100, false, true);
  EXPECT_THAT(reads(), ElementsAre(0, 1));
  chunks_.read_done(0, true, true);
  chunks_.read_done(1, true, true);
  EXPECT_TRUE(chunks_.read_as_far_as_it_can_be());
  EXPECT_THAT(copies(), ElementsAre(0, 1));
  chunks_.copy_queued(0, {0, 1}, true);
  EXPECT_THAT(reads(), IsEmpty()) << "the copy has not passed";
  fences_.passed({0, 1});
  EXPECT_THAT(reads(), ElementsAre(2));
  chunks_.copy_queued(1, {0, 2}, true);
  fences_.passed({0, 2});
  EXPECT_THAT(reads(), ElementsAre(3));
}

TEST_F(chunk_progress_alone, ends_with_the_last_copy_queued) {
  chunks_.begin(200, 100, true, false);
  EXPECT_TRUE(chunks_.all_read());
  EXPECT_THAT(copies(), ElementsAre(0, 1));
  chunks_.copy_queued(1, {0, 2}, true);
  EXPECT_FALSE(chunks_.all_queued());
  chunks_.copy_queued(0, {0, 1}, true);
  EXPECT_TRUE(chunks_.all_queued() && !chunks_.copies_out());
  EXPECT_EQ(chunks_.last_copy(), (fence{0, 2}));
  EXPECT_EQ(chunks_.bytes_copied(), 200U);
}

TEST_F(chunk_progress_alone, takes_late_answers_of_a_failed_load_without_counting_the_chunks) {
  chunks_.begin(200, 100, false, false);
  (void)reads();
  chunks_.read_done(0, false, true);
  chunks_.read_done(1, true, false);
  EXPECT_FALSE(chunks_.reads_out() || chunks_.all_read());
  EXPECT_EQ(chunks_.bytes_read(), 100U);
  EXPECT_THAT(copies(), IsEmpty());
}

}  // namespace
}  // namespace tierpager::test
