// The back end on a GPU: a warp for each item, on a stream of its own.
#include <cuda_runtime.h>

#include <examples/generate/transformer.hpp>

namespace generate {
namespace {

constexpr unsigned threads = 256;

void check(cudaError_t code) {
  if (code != cudaSuccess) refuse(tierpager::errc::device_failed, cudaGetErrorString(code));
}

struct warp {
  static constexpr std::uint32_t lanes = 32;
  std::uint32_t lane;
  __device__ static float sum(float value) {
    for (unsigned apart = lanes / 2; apart > 0; apart /= 2) value += __shfl_xor_sync(0xffffffffU, value, apart);
    return value;
  }
};

template <class Operation>
__global__ void run_kernel(std::uint32_t items, Operation operation) {
  std::uint32_t const thread = blockIdx.x * blockDim.x + threadIdx.x, item = thread / warp::lanes;
  if (item < items) operation(item, warp{thread % warp::lanes});
}

// A warp for each row and each token; every lane takes every 32nd group of the row.
template <weight_type Type>
__global__ void multiply_kernel(product by, float const* in) {
  std::uint32_t const thread = blockIdx.x * blockDim.x + threadIdx.x, row = thread / warp::lanes, token = blockIdx.y;
  if (row >= by.weights.rows) return;
  std::byte const* const data = by.weights.data + row * row_bytes(Type, by.weights.columns);
  float sum = 0, decoded[group_weights];
  for (std::uint32_t group = thread % warp::lanes; group < by.weights.columns / group_weights; group += warp::lanes) {
    decode<Type>(data, group, decoded);
    float const* const from = in + std::size_t{token} * by.weights.columns + group * group_weights;
    for (std::uint32_t i = 0; i < group_weights; ++i) sum += decoded[i] * from[i];
  }
  sum = warp::sum(sum);
  float& out = by.out[std::size_t{token} * by.weights.rows + row];
  if (thread % warp::lanes == 0) out = sum + (by.adds ? out : by.bias != nullptr ? by.bias[row] : 0);
}

unsigned blocks(std::uint64_t warps) { return static_cast<unsigned>((warps * warp::lanes + threads - 1) / threads); }

class cuda_backend {
 public:
  cuda_backend() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  cuda_backend(cuda_backend const&) = delete;
  cuda_backend& operator=(cuda_backend const&) = delete;
  ~cuda_backend() {
    cudaStreamSynchronize(stream_);
    for (void* const each : buffers_) cudaFree(each);
    for (cudaEvent_t const each : events_) cudaEventDestroy(each);
    cudaStreamDestroy(stream_);
  }

  tierpager::stream_ref stream() { return stream_; }

  float* buffer(std::size_t floats) {
    check(cudaMalloc(&buffers_.emplace_back(), floats * sizeof(float)));
    return static_cast<float*>(buffers_.back());
  }

  template <class Operation>
  void run(std::uint32_t items, Operation const& operation) {
    run_kernel<<<blocks(items), threads, 0, stream_>>>(items, operation);
  }

  void multiply(std::vector<product> const& products, float const* in, std::uint32_t tokens) {
    for (product const& each : products) {
      dim3 const grid(blocks(each.weights.rows), tokens);
      with_type(each.weights.type,
                [&]<weight_type Type>() { multiply_kernel<Type><<<grid, threads, 0, stream_>>>(each, in); });
    }
  }

  void begin_set() { mark(); }
  void end_set() { mark(); }

  // CUDA copies from memory that is not page-locked before the call returns.
  void write(std::vector<float> const& from, float* to) {
    check(cudaMemcpyAsync(to, from.data(), from.size() * sizeof(float), cudaMemcpyHostToDevice, stream_));
  }

  std::vector<float> read(float const* from, std::size_t floats) {
    std::vector<float> values(floats);
    check(cudaGetLastError());  // of the launches above
    check(cudaMemcpyAsync(values.data(), from, floats * sizeof(float), cudaMemcpyDeviceToHost, stream_));
    check(cudaStreamSynchronize(stream_));
    for (std::size_t i = 0; i + 1 < marks_; i += 2) {
      float milliseconds = 0;
      check(cudaEventElapsedTime(&milliseconds, events_[i], events_[i + 1]));
      busy_seconds_ += milliseconds / 1e3;
    }
    marks_ = 0;
    return values;
  }

  [[nodiscard]] double busy_seconds() const { return busy_seconds_; }

 private:
  void mark() {
    if (marks_ == events_.size()) check(cudaEventCreate(&events_.emplace_back()));
    check(cudaEventRecord(events_[marks_++], stream_));
  }

  cudaStream_t stream_ = nullptr;
  std::vector<void*> buffers_;
  std::vector<cudaEvent_t> events_;  // begins and ends of sets since the last read
  std::size_t marks_ = 0;
  double busy_seconds_ = 0;
};

}  // namespace

std::unique_ptr<language_model> make_cuda_model(llama const& shape, weights& from, std::uint32_t positions) {
  return std::make_unique<transformer<cuda_backend>>(shape, from, positions);
}

}  // namespace generate
