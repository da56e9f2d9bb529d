// Shares a device's memory with a buffer that grows: before it takes more, the pager's budget shrinks by as much and the
// pager gives that memory back, while it is in use. Built for the host device and for a GPU; exits with 77 where there
// is no GPU, or one whose driver cannot give memory back.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include <examples/growing_buffer.hpp>
#include <tierpager/checksum.hpp>

namespace {

constexpr std::uint32_t tensors = 24;
constexpr std::uint64_t result_bytes = 256;

// Every byte of a tensor is its number.
class numbered_source final : public tierpager::source {
 public:
  explicit numbered_source(std::uint64_t tensor_bytes) : tensor_bytes_(tensor_bytes) {}
  tierpager::status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    std::ranges::fill(target, static_cast<std::byte>(offset / tensor_bytes_));  // a read stays within one tensor
    return {};
  }

 private:
  std::uint64_t tensor_bytes_;
};

tierpager::catalog make_catalog(std::uint64_t tensor_bytes) {
  tierpager::catalog made;
  std::uint32_t const file = made.add_file("numbers");
  for (std::uint64_t number = 0; number < tensors; ++number) {
    tierpager::value_or_throw(made.add({.name = std::to_string(number),
                                        .dtype = "U8",
                                        .shape = {tensor_bytes},
                                        .file = file,
                                        .offset = number * tensor_bytes,
                                        .bytes = tensor_bytes}));
  }
  return made;
}

std::uint64_t expected_checksum(std::uint64_t tensor_bytes, std::uint32_t number) {
  std::vector<std::byte> const bytes(tensor_bytes, static_cast<std::byte>(number));
  tierpager::checksum_accumulator sum;
  sum.add(bytes);
  return sum.value();
}

// Inference as far as the pager can tell: passes over all tensors, each checked in the order of a stream.
class inference {
 public:
  inference(tierpager::pager& pager, std::uint64_t tensor_bytes) : pager_(pager) {
    for (std::uint32_t number = 0; number < tensors; ++number)
      expected_.push_back(expected_checksum(tensor_bytes, number));
  }

  void run(std::stop_token const& stop) {
    tierpager::stream_ref const stream = tierpager::value_or_throw(pager_.on().make_stream());
    try {
      while (!stop.stop_requested()) {
        for (std::uint32_t number = 0; number < tensors; ++number) check(number, stream);
        ++passes_;
      }
    } catch (tierpager::error const& failed) {
      std::fprintf(stderr, "%s\n", failed.what());
      failed_ = true;
    }
  }
  void wait_for_another_pass() const {
    for (std::uint64_t const before = passes_; passes_ == before && !failed_;) std::this_thread::yield();
  }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void check(std::uint32_t number, tierpager::stream_ref stream) {
    std::span<std::byte> const scratch = pager_.scratch();
    auto const held = pager_.acquire(tierpager::tensor_id{number}, stream);
    std::span const bytes(held.data(), held.size_bytes());
    tierpager::value_or_throw(pager_.on().checksum_async(stream, bytes, scratch.data(), scratch.subspan(result_bytes)));
    if (tierpager::value_or_throw(pager_.on().read_back(stream, scratch.data())) != expected_[number]) ++wrong_;
  }

  tierpager::pager& pager_;
  std::vector<std::uint64_t> expected_;
  std::atomic<std::uint64_t> passes_ = 0, wrong_ = 0;
  std::atomic<bool> failed_ = false;
};

int share_memory() {
  std::shared_ptr<tierpager::device> const on = tierpager::open_device(growing_buffer::place());
  if (!on->can_remap(tierpager::tier::vram)) {
    std::fprintf(stderr, "skipped: this driver cannot give back memory piece by piece\n");
    return 77;
  }
  std::uint64_t const granule_bytes = on->granule_bytes(tierpager::tier::vram);
  std::uint64_t const tensor_bytes = std::max<std::uint64_t>(65536, 2 * granule_bytes);
  std::uint64_t const scratch_bytes = result_bytes + on->checksum_scratch_bytes();
  std::uint64_t const least_bytes = tierpager::round_up(scratch_bytes, granule_bytes);
  std::uint64_t const shared_bytes = least_bytes + 16 * tensor_bytes;
  tierpager::pager pager(make_catalog(tensor_bytes), std::make_shared<numbered_source>(tensor_bytes), on,
                         {.vram = tierpager::bytes(shared_bytes), .ram = "unlimited", .scratch_bytes = scratch_bytes});
  inference model(pager, tensor_bytes);
  std::jthread const thread([&](std::stop_token const& stop) { model.run(stop); });
  growing_buffer beside;
  bool fits = true;
  for (std::uint64_t beside_bytes = 0; beside_bytes < 14 * tensor_bytes && !model.failed();) {
    model.wait_for_another_pass();
    beside_bytes += 2 * tensor_bytes;
    pager.set_budget(tierpager::tier::vram, tierpager::bytes(shared_bytes - beside_bytes));
    // What is in use above the new budget drains as its last uses are over; until then the old budget binds.
    while (pager.stats().vram.effective_bytes > shared_bytes - beside_bytes && !model.failed())
      std::this_thread::yield();
    beside.grow(2 * tensor_bytes);
    std::uint64_t const held_bytes = pager.stats().vram.committed_bytes;
    fits = fits && held_bytes + beside_bytes <= shared_bytes;
    std::printf(
        "buffer %6llu KiB, pager %6llu KiB, of %llu KiB\n", static_cast<unsigned long long>(beside_bytes >> 10U),
        static_cast<unsigned long long>(held_bytes >> 10U), static_cast<unsigned long long>(shared_bytes >> 10U));
  }
  model.wait_for_another_pass();
  std::printf("%llu wrong tensors, %s\n", static_cast<unsigned long long>(model.wrong()),
              fits ? "all fitted" : "too much was held");
  return model.wrong() == 0 && fits && !model.failed() ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return share_memory();
  } catch (tierpager::error const& failed) {
    bool const no_gpu = failed.details().code == tierpager::errc::unsupported;
    std::fprintf(stderr, "%s%s\n", no_gpu ? "skipped: " : "", failed.what());
    return no_gpu ? 77 : 1;
  }
}
