#include <tests/contract/source_contract.hpp>

#include <host/mmap_source.hpp>
#include <host/pread_source.hpp>
#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>

namespace tierpager::tests {
namespace {

struct pread_maker {
  static std::unique_ptr<source> make(std::vector<open_file> files) {
    return std::make_unique<pread_source>(std::move(files));
  }
};

template <mapped_copy By>
struct mmap_maker {
  static std::unique_ptr<source> make(std::vector<open_file> files) {
    return value_or_throw(mmap_source::open(std::move(files), By));
  }
};

template <class Decorator>
struct decorated_maker {
  static std::unique_ptr<source> make(std::vector<open_file> files) {
    return std::make_unique<Decorator>(pread_maker::make(std::move(files)));
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(pread, source_contract, pread_maker);
INSTANTIATE_TYPED_TEST_SUITE_P(mmap, source_contract, mmap_maker<mapped_copy::automatic>);
INSTANTIATE_TYPED_TEST_SUITE_P(mmap_by_readv, source_contract, mmap_maker<mapped_copy::process_vm_readv>);
INSTANTIATE_TYPED_TEST_SUITE_P(mmap_by_self_memory, source_contract, mmap_maker<mapped_copy::proc_self_mem>);
INSTANTIATE_TYPED_TEST_SUITE_P(faulty_without_faults, source_contract, decorated_maker<faulty_source>);
INSTANTIATE_TYPED_TEST_SUITE_P(gated_open, source_contract, decorated_maker<gated_source>);

}  // namespace
}  // namespace tierpager::tests
