// Promise 6: a short read, a truncated or replaced file, EIO, EINTR: an error that names the file, tensor and byte, or
// a retry that worked. Never silence, never zeros, never a signal; the same from every source.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <host/pread_source.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/scratch_file.hpp>
#include <tierpager/open.hpp>

namespace tierpager::test {
namespace {

using tests::gated_source;
using tests::scratch_file;

constexpr std::uint64_t tensors = 6;
constexpr std::uint64_t tensor_bytes = 5 * page + 3;

std::vector<std::byte> pattern() {
  std::vector<std::byte> bytes(tensors * tensor_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = pattern_byte(i);
  return bytes;
}

/// A real file that holds a pattern model, read by the source under test.
struct paged_file {
  explicit paged_file(source_kind from) : kind(from) {}

  source_kind kind;
  watchdog limit{"a test of promise 6"};
  scratch_file file{pattern()};
  std::string manifest = write_manifest();
  model opened = read_model({manifest}, {.source = kind});
  stream_reader reader{opened.tensors};
  host_stream stream;
  std::shared_ptr<gated_source> gated = std::make_shared<gated_source>(opened.source);
  pager paged = open(12 * page);

  pager open(std::uint64_t ram_bytes) {
    return {opened.tensors,
            gated,
            jittery_device(),
            {.vram = bytes(12 * page), .ram = bytes(ram_bytes), .chunk_bytes = page, .reader_threads = 1}};
  }
  std::string write_manifest() const {
    std::string const path = file.path() + ".json";
    std::ofstream out(path);
    for (std::uint64_t i = 0; i < tensors; ++i) {
      out << (i == 0 ? "{\"tensors\":[" : ",") << "{\"name\":\"t" << i
          << "\",\"file\":\"data\",\"offset\":" << i * tensor_bytes << ",\"bytes\":" << tensor_bytes
          << ",\"dtype\":\"U8\",\"shape\":[" << tensor_bytes << "]}";
    }
    out << "]}";
    return path;
  }
  // What an acquire of the tensor fails with, where the file changes once `reads` chunks of it are through.
  std::optional<failure> failure_when(tensor_id wanted, std::uint64_t reads, std::function<void()> const& change) {
    gated->hold();
    gated->let_pass(reads);
    std::optional<failure> why;
    std::jthread loader([&] {
      why = failure_of([&] {
        handle const held = paged.acquire(wanted, stream);
        reader.read(held, stream);
        return held.size_bytes();
      });
    });
    eventually([&] { return gated->reads() == reads + 1; });
    gated->wait_for_held(1);
    change();
    gated->release();
    loader.join();
    stream.synchronize();
    return why;
  }
  void expect_names(std::optional<failure> const& why, errc code, tensor_id wanted) {
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, code) << why->describe();
    EXPECT_TRUE(std::filesystem::equivalent(why->file, file.path())) << why->describe();
    EXPECT_EQ(why->tensor, opened.tensors[wanted].name);
    EXPECT_TRUE(why->byte) << why->describe();
    EXPECT_EQ(reader.wrong(), 0U);
  }
};

struct promise_6_read_errors : testing::TestWithParam<source_kind> {};

TEST_P(promise_6_read_errors, every_source_gives_the_same_bytes) {
  paged_file at(GetParam());
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t i = 0; i < tensors; ++i) {
      at.reader.read(at.paged.acquire(tensor_id{i}, at.stream), at.stream);
      at.reader.read_now(at.paged.acquire_host(tensor_id{i}));
    }
  }
  at.stream.synchronize();
  EXPECT_EQ(at.reader.checked(), 4 * tensors);
  EXPECT_EQ(at.reader.wrong(), 0U);
}

TEST_P(promise_6_read_errors, a_file_cut_while_it_loads_is_an_error_that_names_the_place) {
  for (std::uint64_t reads = 0; reads < 5; ++reads) {
    SCOPED_TRACE("cut after " + std::to_string(reads) + " chunks");
    paged_file fresh(GetParam());
    std::uint64_t const cut = 2 * tensor_bytes + reads * page + 100;
    auto const why = fresh.failure_when(tensor_id{2}, reads, [&] { fresh.file.truncate(cut); });
    fresh.expect_names(why, errc::file_truncated, tensor_id{2});
    if (why) {
      EXPECT_GE(why->byte.value_or(0), 2 * tensor_bytes);
      EXPECT_LE(why->byte.value_or(0), cut);
    }
    EXPECT_FALSE(fresh.paged.resident(tensor_id{2}, tier::vram));
  }
}

TEST_P(promise_6_read_errors, a_file_cut_at_any_moment_gives_right_bytes_or_an_error) {
  std::uint64_t failed = 0;
  for (std::uint64_t round = 0; round < (under_thread_sanitizer ? 8U : 30U); ++round) {
    std::atomic<bool> over = false;
    paged_file fresh(GetParam());
    fresh.paged = fresh.open(round % 2 == 0 ? 0 : 12 * page);
    std::jthread const cutter([&] {
      eventually([&] { return fresh.gated->reads() >= round || over; });
      fresh.file.truncate(page);
    });
    for (std::uint32_t i = 0; i < tensors; ++i) {
      auto const code = code_of([&] {
        handle const held = fresh.paged.acquire(tensor_id{i}, fresh.stream);
        fresh.reader.read(held, fresh.stream);
        return held.size_bytes();
      });
      if (!code) continue;
      EXPECT_TRUE(code == errc::file_truncated || code == errc::file_changed) << static_cast<int>(*code);
      ++failed;
    }
    over = true;
    fresh.stream.synchronize();
    EXPECT_EQ(fresh.reader.wrong(), 0U);
  }
  EXPECT_GT(failed, 0U);
}

TEST_P(promise_6_read_errors, a_file_changed_while_it_loads_is_an_error) {
  paged_file at(GetParam());
  auto const why =
      at.failure_when(tensor_id{3}, 2, [&] { at.file.overwrite(0, std::vector<std::byte>(8, std::byte{1})); });
  at.expect_names(why, errc::file_changed, tensor_id{3});
}

TEST_P(promise_6_read_errors, a_file_whose_name_another_file_took_is_an_error_that_says_so) {
  paged_file at(GetParam());
  auto const why = at.failure_when(tensor_id{1}, 2, [&] {
    std::string const other = at.file.path() + ".new";
    std::ofstream(other) << std::string(tensors * tensor_bytes, 'x');
    std::filesystem::rename(other, at.file.path());
  });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::file_changed);
  EXPECT_EQ(why->file, at.file.path());
  EXPECT_EQ(why->tensor, "t1");
  EXPECT_NE(why->what.find("inode"), std::string::npos) << why->what;
}

TEST_P(promise_6_read_errors, a_failed_host_acquire_names_the_place_too) {
  paged_file at(GetParam());
  at.file.truncate(4 * tensor_bytes + 17);
  auto const why = failure_of([&] { return at.paged.acquire_host(tensor_id{4}).size_bytes(); });
  at.expect_names(why, errc::file_truncated, tensor_id{4});
}

INSTANTIATE_TEST_SUITE_P(from, promise_6_read_errors, testing::Values(source_kind::pread, source_kind::mmap),
                         [](auto const& each) { return each.param == source_kind::pread ? "pread" : "mmap"; });

/// A pager whose every pread goes through `read_at`.
struct promise_6_read_errors_of_the_system : testing::Test {
  watchdog const limit{"a test of promise 6"};
  scratch_file file{pattern()};
  std::vector<std::uint64_t> const sizes = std::vector<std::uint64_t>(tensors, tensor_bytes);
  pattern_model model = make_pattern_model(sizes);
  stream_reader reader{model.tensors};
  host_stream stream;

  pager open(pread_function read_at) {
    std::vector<open_file> files;
    files.push_back(file.open());
    return {model.tensors,
            std::make_shared<pread_source>(std::move(files), std::move(read_at)),
            jittery_device(),
            {.vram = bytes(12 * page), .ram = bytes(12 * page), .chunk_bytes = 2 * page}};
  }
  void expect_right(pager& paged) {
    for (std::uint32_t i = 0; i < tensors; ++i) reader.read(paged.acquire(tensor_id{i}, stream), stream);
    stream.synchronize();
    EXPECT_EQ(reader.checked(), tensors);
    EXPECT_EQ(reader.wrong(), 0U);
  }
};

TEST_F(promise_6_read_errors_of_the_system, short_reads_are_continued) {
  pager paged = open([](int descriptor, void* target, std::size_t bytes, off_t offset) {
    return ::pread(descriptor, target, std::min<std::size_t>(bytes, 1000), offset);
  });
  expect_right(paged);
}

TEST_F(promise_6_read_errors_of_the_system, interrupted_reads_are_tried_again) {
  std::atomic<std::uint64_t> calls = 0;
  pager paged = open([&](int descriptor, void* target, std::size_t bytes, off_t offset) -> ssize_t {
    if (++calls % 3 != 0) return ::pread(descriptor, target, std::min<std::size_t>(bytes, 3000), offset);
    errno = EINTR;
    return -1;
  });
  expect_right(paged);
  EXPECT_GE(calls, 3U);
}

TEST_F(promise_6_read_errors_of_the_system, eio_names_file_tensor_and_byte_and_the_next_acquire_tries_again) {
  std::atomic<bool> broken = true;
  std::uint64_t const at = 3 * tensor_bytes + 2 * page;  // the second chunk of t3
  pager paged = open([&](int descriptor, void* target, std::size_t bytes, off_t offset) -> ssize_t {
    if (!broken || static_cast<std::uint64_t>(offset) != at) return ::pread(descriptor, target, bytes, offset);
    errno = EIO;
    return -1;
  });
  auto const why = failure_of([&] { return paged.acquire(tensor_id{3}, stream).size_bytes(); });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::read_failed);
  EXPECT_EQ(why->file, file.path());
  EXPECT_EQ(why->tensor, "t3");
  EXPECT_EQ(why->byte, at);
  EXPECT_EQ(why->system_error, EIO);
  EXPECT_NE(why->describe().find(std::strerror(EIO)), std::string::npos);
  broken = false;
  expect_right(paged);
}

TEST_F(promise_6_read_errors_of_the_system, a_read_of_nothing_is_a_file_that_ended) {
  pager paged = open([](int descriptor, void* target, std::size_t bytes, off_t offset) -> ssize_t {
    return static_cast<std::uint64_t>(offset) >= tensor_bytes + 4 * page ? 0
                                                                         : ::pread(descriptor, target, bytes, offset);
  });
  auto const why = failure_of([&] { return paged.acquire(tensor_id{1}, stream).size_bytes(); });
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::file_truncated);
  EXPECT_EQ(why->tensor, "t1");
  EXPECT_EQ(why->byte, tensor_bytes + 4 * page);
}

}  // namespace
}  // namespace tierpager::test
