// A project of somebody else: writes a small model, pages it through two tiers on the host device, and holds what comes
// back against what it wrote. Sees nothing but what is installed.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

constexpr std::uint64_t tensor_bytes = 65536;

std::byte expected_byte(std::uint64_t offset) { return static_cast<std::byte>((offset * 2654435761U) >> 13U); }

// Two tensors of 64 KiB each, no byte like its neighbours.
void write_model(std::string const& path) {
  std::string const header = R"({"first":{"dtype":"U8","shape":[65536],"data_offsets":[0,65536]},)"
                             R"("second":{"dtype":"U8","shape":[65536],"data_offsets":[65536,131072]}})";
  std::uint64_t const header_bytes = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<char const*>(&header_bytes), sizeof header_bytes);
  file << header;
  for (std::uint64_t i = 0; i < 2 * tensor_bytes; ++i) file.put(static_cast<char>(expected_byte(i)));
}

// Room for one tensor at a time in each tier, so the second pass has to evict and read again.
std::uint64_t right_bytes_in_two_passes(std::string const& path) {
  std::uint64_t right = 0;
  tierpager::host_stream stream;
  auto pager = tierpager::open(path, {.vram = "64KiB", .ram = "64KiB"}, {.device = tierpager::device_kind::host});
  for (int pass = 0; pass < 2; ++pass) {
    std::uint64_t first_offset = 0;
    if (pager.metadata().get_or<std::string>("none", "absent") != "absent") return 1;
    for (auto const& tensor : pager.tensors()) {
      auto const page = pager.acquire(tensor.name, stream);
      stream.submit([&right, first_offset, bytes = page.data(), count = page.size_bytes()] {
        for (std::uint64_t i = 0; i < count; ++i) right += bytes[i] == expected_byte(first_offset + i) ? 1U : 0U;
      });
      first_offset += tensor_bytes;
    }
  }
  stream.synchronize();
  pager.retire_stream(stream);
  return right;
}

}  // namespace

int main() {
  try {
    std::string const path = (std::filesystem::current_path() / "consumer.safetensors").string();
    write_model(path);
    std::uint64_t const right = right_bytes_in_two_passes(path);
    std::filesystem::remove(path);
    std::printf("%llu of %llu bytes are right\n", static_cast<unsigned long long>(right),
                static_cast<unsigned long long>(4 * tensor_bytes));
    return right == 4 * tensor_bytes ? 0 : 1;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
}
