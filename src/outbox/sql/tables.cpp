#include "outbox/sql/tables.h"

namespace hf::outbox {

std::string_view schema_of(Dialect dialect) noexcept { return schema_texts[static_cast<std::size_t>(dialect)]; }

}  // namespace hf::outbox
