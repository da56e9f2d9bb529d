// Where there is no CUDA toolkit to build with.
#include <examples/generate/transformer.hpp>

std::unique_ptr<generate::language_model> generate::make_cuda_model(llama const&, weights&, std::uint32_t) {
  refuse(tierpager::errc::unsupported, "this program was built without CUDA");
}
