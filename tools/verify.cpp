#include <tools/verify.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <tools/order_file.hpp>
#include <tools/output.hpp>
#include <tools/pager_setup.hpp>
#include <tools/progress.hpp>
#include <tools/tensor_checker.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

// Two of the largest, so that one is copied while the other is summed; what is free sets the limit.
budget modest_vram(catalog const& tensors, device& on) {
  std::uint64_t largest_bytes = 0;
  for (tensor_info const& tensor : tensors) largest_bytes = std::max(largest_bytes, tensor.bytes);
  std::uint64_t const granule_bytes = on.granule_bytes(tier::vram);
  std::uint64_t const one_bytes = round_up(largest_bytes, vram_align_bytes);
  std::uint64_t const scratch_bytes = round_up(tensor_checker::scratch_bytes(on), vram_align_bytes);
  bool const two_fit = scratch_bytes + 2 * one_bytes <= value_or_throw(on.free_vram_bytes());
  return bytes(round_up(scratch_bytes + (two_fit ? 2 : 1) * one_bytes, granule_bytes));
}

}  // namespace

void verify(verify_options const& options) {
  model opened = opened_model(options.paging);
  std::shared_ptr<source> const reread = opened_again(options.paging);

  held_warnings warnings;
  std::shared_ptr<device> const on = open_device(options.paging.device, options.paging.ordinal, warnings.callback());
  paging_options paging = options.paging;
  paging.vram = options.vram ? *options.vram : modest_vram(opened.tensors, *on);
  paged_model pages(std::move(opened), on, paging, tensor_checker::scratch_bytes(*on), warnings);
  tensor_checker checker(pages, *reread);
  {
    progress bar(pages.tensors().bytes());
    for (tensor_id const id : file_order(pages.tensors())) {
      bar.label(pages.tensors()[id].name);
      checker.learn(id);
      handle const acquired = pages.acquire(id);
      checker.check(acquired);
      bar.add(acquired.size_bytes());
    }
    checker.finish();
  }
  if (checker.first_mismatch()) throw error(*checker.first_mismatch());
  write_standard_output(fmt::format("{} tensors, {}, on the {} device: every one as in the file\n", checker.checked(),
                                    readable_bytes(pages.tensors().bytes()), on->name()));
  warnings.write();
}

}  // namespace tierpager::tools
