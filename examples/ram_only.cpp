// No device tier: weights paged through page-locked RAM for experts that run on the CPU. acquire_host hands out host
// pointers, of one tensor or of a set that is needed together.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <tierpager/open.hpp>

namespace {

constexpr std::uint64_t expert_bytes = 65536;

// Expert number n is full of the byte n.
class experts_source final : public tierpager::source {
 public:
  tierpager::status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = static_cast<std::byte>((offset + i) / expert_bytes);
    return {};
  }
};

// One tensor holds all experts; sliced, each is an entry of its own.
tierpager::catalog make_catalog() {
  tierpager::catalog bank;
  std::uint32_t const file = bank.add_file("experts");
  tierpager::value_or_throw(bank.add({.name = "experts",
                                      .dtype = "U8",
                                      .shape = {8, expert_bytes},
                                      .file = file,
                                      .offset = 0,
                                      .bytes = 8 * expert_bytes}));
  return tierpager::value_or_throw(bank.slice("experts"));
}

}  // namespace

int main() {
  tierpager::pager pager(make_catalog(), std::make_shared<experts_source>(),
                         tierpager::open_device(tierpager::device_kind::host),
                         {.vram = "none", .ram = tierpager::bytes(3 * expert_bytes)});
  bool right = true;
  for (std::uint32_t token = 0; token < 6; ++token) {
    // Two experts a token: the shared one, and one that changes.
    std::array const wanted{*pager.tensors().find("experts[0]"), tierpager::tensor_id{1 + token % 7}};
    auto const held = pager.acquire_host(wanted);
    for (std::size_t i = 0; i < held.size(); ++i) {
      auto const expected = static_cast<std::byte>(tierpager::index_of(wanted[i]));
      right = right && held[i].data()[0] == expected && held[i].data()[expert_bytes - 1] == expected;
    }
  }
  auto const counted = pager.stats();
  std::printf("%llu reads, %llu hits in RAM, at most %llu bytes\n", static_cast<unsigned long long>(counted.disk_reads),
              static_cast<unsigned long long>(counted.ram_hits),
              static_cast<unsigned long long>(counted.ram.peak_bytes));
  bool const as_expected = counted.disk_reads == 7 && counted.ram_hits == 5;
  return right && as_expected && counted.ram.peak_bytes <= 3 * expert_bytes ? 0 : 1;
}
