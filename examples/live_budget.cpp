// The VRAM budget changes while the pager is in use: memory goes back to the system when something else needs it, and
// comes again. Nobody who holds a handle notices.
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

constexpr std::uint64_t tensor_bytes = 65536;
constexpr std::uint32_t tensors = 16;

class numbered_source final : public tierpager::source {
 public:
  tierpager::status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = static_cast<std::byte>((offset + i) / tensor_bytes);
    return {};
  }
};

tierpager::catalog make_catalog() {
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

// Passes over all tensors, as inference does; false where a byte was wrong.
bool run_passes(tierpager::pager& pager, int passes) {
  bool right = true;
  tierpager::host_stream stream;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::uint32_t number = 0; number < tensors; ++number) {
      auto const held = pager.acquire(tierpager::tensor_id{number}, stream);
      stream.submit([&right, number, bytes = std::span(held.data(), held.size_bytes())] {
        right =
            right && bytes.front() == static_cast<std::byte>(number) && bytes.back() == static_cast<std::byte>(number);
      });
    }
  }
  stream.synchronize();
  pager.retire_stream(stream);
  return right;
}

}  // namespace

int main() {
  tierpager::pager pager(make_catalog(), std::make_shared<numbered_source>(),
                         tierpager::open_device(tierpager::device_kind::host),
                         {.vram = "unlimited", .ram = tierpager::bytes(4 * tensor_bytes)});
  bool right = false;
  std::thread inference([&] { right = run_passes(pager, 50); });
  for (std::uint64_t const room : {3U, 12U, 2U, 8U})
    pager.set_budget(tierpager::tier::vram, tierpager::bytes(room * tensor_bytes));
  inference.join();

  // What handles still hold drains as their last uses are known to be over; until then the old budget binds.
  constexpr std::uint64_t last_budget_bytes = 2 * tensor_bytes;
  pager.set_budget(tierpager::tier::vram, tierpager::bytes(last_budget_bytes));
  while (pager.stats().vram.effective_bytes > last_budget_bytes) std::this_thread::yield();
  tierpager::tier_statistics const vram = pager.stats().vram;
  std::printf("all bytes %s; VRAM held at the end: %llu bytes\n", right ? "right" : "WRONG",
              static_cast<unsigned long long>(vram.committed_bytes));
  return right && vram.committed_bytes <= last_budget_bytes && run_passes(pager, 1) ? 0 : 1;
}
