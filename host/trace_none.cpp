// The twin of trace_nvtx.cpp for builds without the NVTX headers: no tool is ever attached.
#include <host/trace.hpp>

namespace tierpager {

tracer::tracer(catalog const& tensors) : tensors_(tensors) {}

void trace_range::begin(tracer const& /*to*/, trace_kind /*what*/, std::span<tensor_id const> /*ids*/,
                        std::uint64_t /*bytes*/) noexcept {}
void trace_range::end() noexcept {}

}  // namespace tierpager
