// Pages a model file: open it, acquire a tensor on a stream, queue work, release. The stream here is the host
// device's; with CUDA it is a cudaStream_t, and the work is a kernel.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

// Two tensors of 64 KiB, one full of ones, one of twos.
void write_model(std::string const& path) {
  std::string const header = R"({"first":{"dtype":"F32","shape":[128,128],"data_offsets":[0,65536]},)"
                             R"("second":{"dtype":"F32","shape":[128,128],"data_offsets":[65536,131072]}} )";
  std::uint64_t const header_bytes = header.size();
  std::vector<float> values(16384, 1.0F);
  values.resize(32768, 2.0F);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<char const*>(&header_bytes), sizeof header_bytes);
  file << header;
  file.write(reinterpret_cast<char const*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
}

double sum_of_all_weights(std::string const& path) {
  double sum = 0;
  tierpager::host_stream stream;
  auto pager = tierpager::open(path, {.vram = "64KiB", .ram = "50%"}, {.device = tierpager::device_kind::host});
  for (auto const& tensor : pager.tensors()) {
    auto const weight = pager.acquire(tensor.name, stream);
    stream.submit([&sum, values = weight.data<float>(), count = weight.size_bytes() / sizeof(float)] {
      for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]);
    });
  }  // released here, though the work may not have run: the memory is reused only behind it
  stream.synchronize();
  return sum;
}

}  // namespace

int main() {
  std::string const path = (std::filesystem::temp_directory_path() / "tierpager_ten_lines.safetensors").string();
  write_model(path);
  double const sum = sum_of_all_weights(path);
  std::filesystem::remove(path);
  std::printf("sum of all weights: %.0f\n", sum);
  return sum == 16384 * 1.0 + 16384 * 2.0 ? 0 : 1;
}
