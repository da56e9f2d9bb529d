#include <array>
#include <cstdio>
#include <string>

#include <nvtx3/nvToolsExt.h>

#include <host/trace.hpp>

namespace tierpager {
namespace {

struct look {
  char const* name;
  std::uint32_t argb;
};
constexpr std::array<look, trace_kinds> looks{{{"acquire", 0xff4e79a7},
                                               {"wait", 0xffe15759},
                                               {"read", 0xff59a14f},
                                               {"copy", 0xffedc948},
                                               {"evict from VRAM", 0xffb07aa1},
                                               {"evict from RAM", 0xff9c755f}}};

std::uint32_t category_of(trace_kind what) { return static_cast<std::uint32_t>(what) + 1; }  // 0 means none

// Null where no tool is attached. Made once: a process has one domain of a name, for as long as it lives.
nvtxDomainHandle_t domain() noexcept {
  static nvtxDomainHandle_t const made = [] {
    nvtxDomainHandle_t const fresh = nvtxDomainCreateA("tierpager");
    for (std::size_t kind = 0; fresh != nullptr && kind < trace_kinds; ++kind)
      nvtxDomainNameCategoryA(fresh, category_of(static_cast<trace_kind>(kind)), looks[kind].name);
    return fresh;
  }();
  return made;
}

constexpr std::size_t message_bytes = 256;

// The name of the first and the number of the others; cut short where it is very long.
void describe(std::array<char, message_bytes>& message, std::string const* first, std::size_t count) {
  if (count == 0)
    std::snprintf(message.data(), message.size(), "(empty set)");
  else if (count == 1)
    std::snprintf(message.data(), message.size(), "%s", first == nullptr ? "(unknown tensor)" : first->c_str());
  else
    std::snprintf(message.data(), message.size(), "%.200s and %zu more",
                  first == nullptr ? "(unknown tensor)" : first->c_str(), count - 1);
}

}  // namespace

tracer::tracer(catalog const& tensors) : tensors_(tensors), attached_(domain() != nullptr) {
  if (!attached_) return;
  names_.reserve(tensors.size());
  for (tensor_info const& tensor : tensors) names_.push_back(nvtxDomainRegisterStringA(domain(), tensor.name.c_str()));
}

void trace_range::begin(tracer const& to, trace_kind what, std::span<tensor_id const> ids,
                        std::uint64_t bytes) noexcept {
  bool const known = !ids.empty() && index_of(ids.front()) < to.tensors_.size();
  void* const registered = known && ids.size() == 1 ? to.names_[index_of(ids.front())] : nullptr;
  std::array<char, message_bytes> message;
  nvtxEventAttributes_t range{};
  range.version = NVTX_VERSION;
  range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  range.category = category_of(what);
  range.colorType = NVTX_COLOR_ARGB;
  range.color = looks[static_cast<std::size_t>(what)].argb;
  range.payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
  range.payload.ullValue = bytes;
  if (registered != nullptr) {
    range.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
    range.message.registered = static_cast<nvtxStringHandle_t>(registered);
  } else {
    describe(message, known ? &to.tensors_[ids.front()].name : nullptr, ids.size());
    range.messageType = NVTX_MESSAGE_TYPE_ASCII;
    range.message.ascii = message.data();
  }
  nvtxDomainRangePushEx(domain(), &range);
  open_ = true;
}

void trace_range::end() noexcept { nvtxDomainRangePop(domain()); }

}  // namespace tierpager
