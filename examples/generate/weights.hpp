// Where the forward pass gets its weights: from a pager, which is the point of this example; or, to compare with that, from
// memory that holds all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <examples/generate/model.hpp>
#include <tierpager/open.hpp>

namespace generate {

/// Weights to compute with, for as long as the handles live. Work that was queued on the stream before they end may still use
/// them: the memory is reused behind it.
struct lent_weights {
  std::vector<tierpager::handle> handles;
  std::vector<matrix> matrices;
};

class weights {
 public:
  virtual ~weights() = default;
  /// The tensors of a set, all at once and in its order: for work that is queued on the stream from now on, or without a stream
  /// for the CPU, which may read them when the call returns.
  virtual lent_weights lend(std::span<tierpager::tensor_id const> ids, std::optional<tierpager::stream_ref> stream) = 0;
  /// To be called before a stream that weights were lent for is destroyed.
  virtual void retire(tierpager::stream_ref /*stream*/) {}
};

/// Holds nothing between two sets: the pager decides what stays.
class paged_weights final : public weights {
 public:
  explicit paged_weights(tierpager::pager& pages) : pages_(pages) {}
  lent_weights lend(std::span<tierpager::tensor_id const> ids, std::optional<tierpager::stream_ref> stream) override {
    lent_weights lent{.handles = stream ? pages_.acquire(ids, *stream) : pages_.acquire_host(ids), .matrices = {}};
    for (auto const& each : lent.handles) lent.matrices.push_back(matrix_of(each.info(), each.data()));
    return lent;
  }
  void retire(tierpager::stream_ref stream) override { pages_.retire_stream(stream); }

 private:
  tierpager::pager& pages_;
};

/// The baselines: the model's files mapped into memory, or read into memory once. For the CPU.
class plain_weights final : public weights {
 public:
  plain_weights(tierpager::model const& from, bool copied) : tensors_(from.tensors) {
    for (std::uint32_t file = 0; file < tensors_.files().size(); ++file)
      files_.push_back(load(tensors_.files()[file], from.source->bytes_of(file).value(), copied));
  }
  lent_weights lend(std::span<tierpager::tensor_id const> ids, std::optional<tierpager::stream_ref>) override {
    lent_weights lent;
    for (tierpager::tensor_id const id : ids)
      lent.matrices.push_back(matrix_of(tensors_[id], files_[tensors_[id].file].get() + tensors_[id].offset));
    return lent;
  }

 private:
  using memory = std::shared_ptr<std::byte[]>;

  static memory load(std::string const& path, std::uint64_t bytes, bool copied) {
    int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    void* const address = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (address == MAP_FAILED) refuse(tierpager::errc::read_failed, path + " cannot be mapped");
    memory mapped(static_cast<std::byte*>(address), [bytes](std::byte* all) { ::munmap(all, bytes); });
    if (!copied) return mapped;
    memory all(new std::byte[bytes]);
    std::copy_n(mapped.get(), bytes, all.get());
    return all;
  }

  tierpager::catalog tensors_;
  std::vector<memory> files_;
};

}  // namespace generate
