// The contract suite against the embedded engine's tree, and against the reference model: whoever reads the
// contract otherwise than the examples shows it here.

#include "contract/lock_contract.h"
#include "property/comparison.h"

namespace hf::test {
namespace {

std::string name_of_engine(const testing::TestParamInfo<ContractEngine>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Embedded, LockContract,
                         testing::Values(ContractEngine{"tree", tree_subject},
                                         ContractEngine{"model", broken_subject(Broken::nothing)}),
                         name_of_engine);

}  // namespace
}  // namespace hf::test
