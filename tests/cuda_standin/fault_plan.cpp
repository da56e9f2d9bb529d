#include <tests/cuda_standin/fault_plan.hpp>

#include <charconv>

namespace tierpager::cuda_standin {
namespace {

std::string_view take_field(std::string_view& text) {
  std::size_t const colon = text.find(':');
  std::string_view const field = text.substr(0, colon);
  text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  return field;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<call_fault> parse_fault(std::string_view text) {
  call_fault fault;
  if (std::string_view const name = take_field(text); name != "any") {
    fault.only = call_named(name);
    if (!fault.only) return std::nullopt;
  }
  auto const at_call = number<std::uint64_t>(take_field(text));
  if (!at_call || *at_call == 0) return std::nullopt;
  fault.at_call = *at_call;
  std::string_view const how_long = take_field(text);
  if (how_long == "once") {
    fault.how_long = lasting::once;
  } else if (how_long == "for_ever") {
    fault.how_long = lasting::for_ever;
  } else if (how_long == "sticky") {
    fault.how_long = lasting::sticky;
  } else {
    return std::nullopt;
  }
  if (!text.empty()) {
    auto const code = number<int>(text);
    if (!code || *code <= 0) return std::nullopt;
    fault.code = static_cast<cudaError_t>(*code);
  }
  return fault;
}

void fault_counter::reset_counts() {
  calls_by_kind_.fill(0);
  fallible_calls_ = 0;
  failed_ = 0;
}

fault_counter::decision fault_counter::next(call kind) {
  ++calls_by_kind_.at(static_cast<std::size_t>(kind));
  if (fallible(kind)) ++fallible_calls_;
  if (!plan_) return {};
  bool const counts = plan_->only ? *plan_->only == kind : fallible(kind);
  if (!counts) return {};
  ++counted_;
  bool const fails = plan_->how_long == lasting::for_ever ? counted_ >= plan_->at_call : counted_ == plan_->at_call;
  if (!fails) return {};
  if (plan_->how_long != lasting::sticky) return {.code = plan_->code, .kills = false};
  // A dead context reports what killed it.
  cudaError_t const code = plan_->code == cudaErrorUnknown ? cudaErrorIllegalAddress : plan_->code;
  return {.code = code, .kills = true};
}

}  // namespace tierpager::cuda_standin
