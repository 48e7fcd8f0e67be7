// A text is a target or is refused; a target's levels are prefixes that are targets themselves.

#include "model/target.h"

#include "fuzz.h"

namespace hf {
namespace {

void run(std::string_view text) {
  const auto target = Target::parse(text);
  if (!target) {
    HF_ASSERT(target.error().code == Code::invalid && target.error().field == "targets");
    return;
  }
  HF_ASSERT(target->text() == text);
  HF_ASSERT(is_target_segment(target->type()));
  for (int level = 0; level <= static_cast<int>(target->level()); ++level) {
    const std::string_view prefix = target->text_at(static_cast<Level>(level));
    HF_ASSERT(text.starts_with(prefix));
    const auto ancestor = Target::parse(prefix);
    HF_ASSERT(ancestor && ancestor->level() == static_cast<Level>(level) && ancestor->type() == target->type());
  }
  HF_ASSERT((target->level() >= Level::bill) == !target->bill_id().empty());
  HF_ASSERT((target->level() >= Level::part) == !target->part().empty());
  HF_ASSERT((target->level() >= Level::line) == !target->line().empty());
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
