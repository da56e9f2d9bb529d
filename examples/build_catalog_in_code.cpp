// A pager without a model file: the catalog is built in code, and the bytes come from a source of one's own.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

constexpr std::uint64_t tensor_bytes = 32768;

// Bytes that are computed rather than read: each one says which tensor it belongs to. Several threads call it.
class computed_source final : public tierpager::source {
 public:
  tierpager::status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = static_cast<std::byte>((offset + i) / tensor_bytes);
    return {};
  }
};

tierpager::catalog make_catalog(std::uint64_t tensors) {
  tierpager::catalog made;
  std::uint32_t const file = made.add_file("computed");
  for (std::uint64_t number = 0; number < tensors; ++number) {
    tierpager::value_or_throw(made.add({.name = "layer." + std::to_string(number),
                                        .dtype = "U8",
                                        .shape = {tensor_bytes},
                                        .file = file,
                                        .offset = number * tensor_bytes,
                                        .bytes = tensor_bytes}));
  }
  return made;
}

}  // namespace

int main() {
  bool right = true;
  tierpager::host_stream stream;
  tierpager::pager pager(
      make_catalog(12), std::make_shared<computed_source>(), tierpager::open_device(tierpager::device_kind::host),
      {.vram = tierpager::bytes(4 * tensor_bytes), .ram = tierpager::bytes(6 * tensor_bytes), .pin_vram = {"layer.0"}});
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t number = 0; number < pager.tensors().size(); ++number) {
      auto const layer = pager.acquire(tierpager::tensor_id{number}, stream);
      stream.submit([&right, number, bytes = std::span(layer.data(), layer.size_bytes())] {
        right = right &&
                std::ranges::all_of(bytes, [&](std::byte value) { return value == static_cast<std::byte>(number); });
      });
    }
  }
  stream.synchronize();
  auto const counted = pager.stats();
  std::printf("%llu acquires, %llu hits in VRAM, %llu reads\n", static_cast<unsigned long long>(counted.acquires),
              static_cast<unsigned long long>(counted.vram_hits), static_cast<unsigned long long>(counted.disk_reads));
  return right && counted.acquires == 24 && counted.vram_hits > 0 ? 0 : 1;  // the pinned layer, in the second pass
}
