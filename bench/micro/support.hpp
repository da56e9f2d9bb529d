// What several benchmarks need: models of any size whose bytes cost nothing, a device whose copies are done at once,
// and pagers over them. Any thread once built. Benchmarks only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/device.hpp>
#include <tierpager/pager.hpp>
#include <tierpager/source.hpp>

namespace tierpager::bench {

/// A source that leaves the target as it is: what is measured is everything else.
class no_source final : public source {
 public:
  status read(std::uint32_t, std::uint64_t, std::span<std::byte>) override { return {}; }
};

/// The host device's memory; copies are over when they are queued and move nothing, fences have passed when they are
/// recorded. Streams are numbers.
std::shared_ptr<device> make_instant_device();
/// A stream of the instant device, below 64.
stream_ref instant_stream(std::uintptr_t number);

/// Names as a transformer's tensors have them, each once.
std::vector<std::string> tensor_names(std::size_t count);
catalog make_catalog(std::size_t tensors, std::uint64_t bytes_each);
/// So many ids, each of the catalog in random order, over and over in other random orders.
std::vector<tensor_id> random_ids(std::size_t tensors, std::size_t count, std::uint32_t seed);
/// Every tensor once.
void acquire_each(pager& from, stream_ref stream);

}  // namespace tierpager::bench
