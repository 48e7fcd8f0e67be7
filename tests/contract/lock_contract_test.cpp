// The contract suite against the lock tree alone, against the embedded engine with its journal, and against the
// reference model: whoever reads the contract otherwise than the examples shows it here.

#include "contract/lock_contract.h"
#include "contract/embedded_subject.h"
#include "property/comparison.h"

namespace hf::test {
namespace {

std::string name_of_engine(const testing::TestParamInfo<ContractEngine>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Embedded, LockContract,
                         testing::Values(ContractEngine{"tree", tree_subject},
                                         ContractEngine{"embedded", embedded_subject},
                                         ContractEngine{"model", broken_subject(Broken::nothing)}),
                         name_of_engine);

}  // namespace
}  // namespace hf::test
