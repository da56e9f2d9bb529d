// What is assumed of CUDA and not written in its documentation, as questions to a GPU: each a function that tries it and
// answers in a few words, with figures beside them. Each runs in a process of its own, since some end it, hang it, or need one
// in which CUDA has not been used. What is expected, and what hangs on it, is bench/gpu/questions.py's.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tierpager::questions {

struct answer {
  std::string text;
  std::vector<std::pair<std::string, double>> figures = {};
};

struct question {
  std::string_view name;
  std::function<answer()> ask;
};

/// Those of each file.
std::vector<question> about_contexts();
std::vector<question> about_waiting();
std::vector<question> about_memory();
std::vector<question> about_captures();
std::vector<question> about_pagers();

/// CUDA's name of a code, of the runtime's calls or the driver's.
inline std::string name_of(cudaError_t code) { return cudaGetErrorName(code); }
inline std::string name_of(CUresult code) { return cudaGetErrorName(static_cast<cudaError_t>(code)); }

/// Throws where a call fails that a question needs to succeed.
template <class Code>
void need(Code code, char const* call) {
  if (static_cast<int>(code) != 0) throw std::runtime_error(std::string(call) + ": " + name_of(code));
}

/// A function of the driver, which nothing links, as it was in that version of CUDA.
template <class Function>
Function* driver_function(char const* name, unsigned version = 12000) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult outcome = cudaDriverEntryPointSuccess;
  need(cudaGetDriverEntryPointByVersion(name, &found, version, cudaEnableDefault, &outcome),
       "cudaGetDriverEntryPointByVersion");
  if (found == nullptr) throw std::runtime_error(std::string("the driver has no ") + name);
  return reinterpret_cast<Function*>(found);
}
#define TIERPAGER_DRIVER(name) tierpager::questions::driver_function<decltype(name)>(#name)

inline double microseconds_of(std::function<void()> const& what) {
  auto const begin = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

inline cudaStream_t made_stream() {
  cudaStream_t made = nullptr;
  need(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return made;
}

/// The names of what holds, joined by blanks; "none".
class list_of_names {
 public:
  void add(std::string_view name) { text_ += (text_.empty() ? "" : " ") + std::string(name); }
  [[nodiscard]] std::string text() const { return text_.empty() ? "none" : text_; }

 private:
  std::string text_;
};

}  // namespace tierpager::questions
