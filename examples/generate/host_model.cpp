// The back end on the CPU: work on a host_stream, its items shared among OpenMP's threads. Built for the processor that it is
// built on, and free to add in any order, so that the compiler makes vector instructions of the inner loops.
#include <chrono>
#include <deque>
#include <numeric>

#include <examples/generate/transformer.hpp>
#include <tierpager/host_stream.hpp>

namespace generate {
namespace {

using clock = std::chrono::steady_clock;

// Eight groups at a time, whose scales and shifts the compiler works out for all of them together.
template <weight_type Type>
void multiply_row(product const& by, std::uint32_t row, float const* in, std::uint32_t tokens) {
  constexpr std::uint32_t chunk_groups = 8;
  std::uint32_t const columns = by.weights.columns, groups = columns / group_weights;
  std::byte const* const data = by.weights.data + row * row_bytes(Type, columns);
  float sums[tokens_max][group_weights];
  std::fill_n(&sums[0][0], tokens * group_weights, 0.0F);
  for (std::uint32_t chunk = 0; chunk * chunk_groups < groups; ++chunk) {
    float decoded[chunk_groups * group_weights];
    std::uint32_t const first = chunk * chunk_groups, count = std::min(chunk_groups, groups - first);
    std::byte const* const from = data + row_bytes(Type, first * group_weights);
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < chunk_groups; ++i)
      if (i < count) decode<Type>(from, i, decoded + i * group_weights);
    for (std::uint32_t token = 0; token < tokens; ++token) {
      float const* const values = in + std::size_t{token} * columns + first * group_weights;
      for (std::uint32_t group = 0; group < count; ++group)
#pragma omp simd
        for (std::uint32_t i = 0; i < group_weights; ++i)
          sums[token][i] += decoded[group * group_weights + i] * values[group * group_weights + i];
    }
  }
  for (std::uint32_t token = 0; token < tokens; ++token) {
    float& out = by.out[std::size_t{token} * by.weights.rows + row];
    float const before = by.adds ? out : by.bias != nullptr ? by.bias[row] : 0;
    out = std::accumulate(sums[token], sums[token] + group_weights, before);
  }
}

class host_backend {
 public:
  explicit host_backend(unsigned threads) : threads_(static_cast<int>(threads)) {}

  tierpager::stream_ref stream() { return stream_; }

  float* buffer(std::size_t floats) { return buffers_.emplace_back(floats).data(); }

  template <class Operation>
  void run(std::uint32_t items, Operation const& operation) {
    queue([=, this] {
#pragma omp parallel for num_threads(threads_) if (items > 64)
      for (std::uint32_t item = 0; item < items; ++item) operation(item, lone_thread{});
    });
  }

  void multiply(std::vector<product> const& products, float const* in, std::uint32_t tokens) {
    queue([=, this] {
#pragma omp parallel num_threads(threads_)
      for (product const& each : products) {
        with_type(each.weights.type, [&]<weight_type Type>() {
#pragma omp for nowait
          for (std::uint32_t row = 0; row < each.weights.rows; ++row) multiply_row<Type>(each, row, in, tokens);
        });
      }
    });
  }

  void write(std::vector<float> from, float* to) {
    queue([from = std::move(from), to] { std::ranges::copy(from, to); });
  }

  void begin_set() {}
  void end_set() {}

  std::vector<float> read(float const* from, std::size_t floats) {
    stream_.synchronize();
    return {from, from + floats};
  }

  [[nodiscard]] double busy_seconds() const { return std::chrono::duration<double>(busy_).count(); }

 private:
  template <class Work>
  void queue(Work work) {
    stream_.submit([this, work = std::move(work)] {
      clock::time_point const start = clock::now();
      work();
      busy_ += clock::now() - start;
    });
  }

  int threads_;
  std::deque<std::vector<float>> buffers_;
  clock::duration busy_{};         // the stream's thread adds to it
  tierpager::host_stream stream_;  // the last member: its end runs what is queued
};

}  // namespace

std::unique_ptr<language_model> make_host_model(llama const& shape, weights& from, std::uint32_t positions,
                                                unsigned threads) {
  return std::make_unique<transformer<host_backend>>(shape, from, positions, threads);
}

}  // namespace generate
