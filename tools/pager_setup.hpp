// A pager as the command line asked for it, with its model, its device and the one stream the command works on.
// One thread. Throws tierpager::error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tierpager/open.hpp>
#include <tierpager/pager.hpp>

#include <tools/held_warnings.hpp>
#include <tools/options.hpp>
#include <tools/pacer.hpp>

namespace tierpager::tools {

class paged_model {
 public:
  /// `scratch_bytes` of device memory are for the caller, inside the VRAM budget; none where there is no device tier.
  paged_model(model from, std::shared_ptr<device> on, paging_options const& options, std::uint64_t scratch_bytes,
              held_warnings& warnings, bool record_events = false);
  paged_model(paged_model const&) = delete;
  paged_model& operator=(paged_model const&) = delete;
  ~paged_model();  // waits for what still uses the scratch memory

  [[nodiscard]] pager& pages() { return pages_; }
  [[nodiscard]] catalog const& tensors() const { return pages_.tensors(); }
  /// False where the VRAM budget is `none`: tensors are then acquired in RAM, for the CPU.
  [[nodiscard]] bool on_device() const { return stream_.has_value(); }
  [[nodiscard]] stream_ref stream() const { return *stream_; }
  [[nodiscard]] device& hardware() const { return *device_; }

  [[nodiscard]] handle acquire(tensor_id id);
  /// Work of that length which does nothing, behind what was acquired; on the host device alone. Where there is no
  /// device tier the caller itself is kept busy.
  void compute(std::shared_ptr<pacer> const& pace, double seconds);
  /// Waits until everything queued on the stream has run.
  void synchronize();

 private:
  std::shared_ptr<device> device_;
  pager pages_;
  std::optional<stream_ref> stream_;
};

/// The model that `options` name, sliced as they say. Throws usage_error, too, where a slice option is wrong.
model opened_model(paging_options const& options);
/// Reads the same files by a way of its own, to hold against what was paged.
std::shared_ptr<source> opened_again(paging_options const& options);

}  // namespace tierpager::tools
