#include <tests/host/trace/nvtx_recorder.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <nvtx3/nvToolsExt.h>

namespace tierpager::tests {
namespace {

struct domain_record {
  std::string name;
  std::map<std::uint32_t, std::string> categories;
  std::deque<std::string> strings;  // a handle points to one
};

struct recorder {
  std::mutex mutex;
  std::deque<domain_record> domains;
  std::vector<recorded_range> ranges;
  std::map<std::uint64_t, std::vector<std::size_t>> open;  // by thread, indices into `ranges`, the outermost first
  std::uint64_t events = 0, misuses = 0, registered = 0;
  std::function<void()> on_event;
};

recorder& all() {
  static auto* const found = new recorder;  // outlives every thread that may still tell it something
  return *found;
}

domain_record& of(nvtxDomainHandle_t domain) { return *reinterpret_cast<domain_record*>(domain); }
std::uint64_t here() { return std::hash<std::thread::id>{}(std::this_thread::get_id()); }

nvtxDomainHandle_t create(char const* name) {
  std::lock_guard const lock(all().mutex);
  all().domains.push_back({.name = name, .categories = {}, .strings = {}});
  return reinterpret_cast<nvtxDomainHandle_t>(&all().domains.back());
}

void name_category(nvtxDomainHandle_t domain, std::uint32_t category, char const* name) {
  std::lock_guard const lock(all().mutex);
  of(domain).categories[category] = name;
}

nvtxStringHandle_t register_string(nvtxDomainHandle_t domain, char const* text) {
  std::lock_guard const lock(all().mutex);
  ++all().registered;
  of(domain).strings.emplace_back(text);
  return reinterpret_cast<nvtxStringHandle_t>(&of(domain).strings.back());
}

std::string message_of(nvtxEventAttributes_t const& event) {
  if (event.messageType == NVTX_MESSAGE_TYPE_ASCII) return event.message.ascii;
  if (event.messageType == NVTX_MESSAGE_TYPE_REGISTERED)
    return *reinterpret_cast<std::string const*>(event.message.registered);
  ++all().misuses;
  return {};
}

int push(nvtxDomainHandle_t domain, nvtxEventAttributes_t const* event) {
  if (all().on_event) all().on_event();
  std::lock_guard const lock(all().mutex);
  auto& stack = all().open[here()];
  recorded_range opened{.domain = of(domain).name,
                        .category = of(domain).categories[event->category],
                        .message = message_of(*event),
                        .payload = event->payload.ullValue,
                        .payload_is_bytes = event->payloadType == NVTX_PAYLOAD_TYPE_UNSIGNED_INT64,
                        .thread = here(),
                        .inside = {},
                        .opened = ++all().events};
  if (!stack.empty()) opened.inside = all().ranges[stack.back()].category;
  stack.push_back(all().ranges.size());
  all().ranges.push_back(std::move(opened));
  return static_cast<int>(stack.size()) - 1;
}

int pop(nvtxDomainHandle_t domain) {
  if (all().on_event) all().on_event();
  std::lock_guard const lock(all().mutex);
  auto& stack = all().open[here()];
  if (stack.empty() || all().ranges[stack.back()].domain != of(domain).name) {
    ++all().misuses;
    return -1;
  }
  all().ranges[stack.back()].closed = ++all().events;
  stack.pop_back();
  return static_cast<int>(stack.size());
}

template <class Function>
void attach(NvtxFunctionTable table, NvtxCallbackIdCore2 which, Function* function) {
  *table[which] = reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

std::vector<recorded_range> take_recorded() {
  std::lock_guard const lock(all().mutex);
  std::vector<recorded_range> over, still_open;
  std::map<std::size_t, std::size_t> moved;
  for (std::size_t i = 0; i < all().ranges.size(); ++i) {
    if (all().ranges[i].closed != 0) {
      over.push_back(std::move(all().ranges[i]));
    } else {
      moved[i] = still_open.size();
      still_open.push_back(std::move(all().ranges[i]));
    }
  }
  all().ranges = std::move(still_open);
  for (auto& [thread, stack] : all().open)
    for (std::size_t& index : stack) index = moved.at(index);
  return over;
}

void set_on_event(std::function<void()> call) { all().on_event = std::move(call); }

std::size_t open_ranges() {
  std::lock_guard const lock(all().mutex);
  std::size_t open = 0;
  for (auto const& [thread, stack] : all().open) open += stack.size();
  return open;
}

std::uint64_t misuses() {
  std::lock_guard const lock(all().mutex);
  return all().misuses;
}

std::uint64_t registered_names() {
  std::lock_guard const lock(all().mutex);
  return all().registered;
}

}  // namespace tierpager::tests

extern "C" int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
  using namespace tierpager::tests;
  auto const* callbacks = static_cast<NvtxExportTableCallbacks const*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned int size = 0;
  if (callbacks == nullptr || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size)) return 0;
  attach(table, NVTX_CBID_CORE2_DomainCreateA, &create);
  attach(table, NVTX_CBID_CORE2_DomainNameCategoryA, &name_category);
  attach(table, NVTX_CBID_CORE2_DomainRegisterStringA, &register_string);
  attach(table, NVTX_CBID_CORE2_DomainRangePushEx, &push);
  attach(table, NVTX_CBID_CORE2_DomainRangePop, &pop);
  return 1;
}
