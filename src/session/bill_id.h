#pragma once

// One bill, one name: how ids are spelt that come in.
//
// Texts that look alike or that the ERP takes for one, `1001` and `01001`, a composed and a decomposed é, one with a
// blank behind it, would be two bills here, and two people would edit one. So each id has one spelling, which the
// catalog gives by type (IdRule); a type that it does not know has texts. What is spelt otherwise is refused and told
// how it is written. Nothing is mended in silence: who sends another spelling has a fault, and it will show elsewhere.
//
// Of what is kept already nothing is asked: who holds an old spelling can still let go.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"
#include "model/target.h"

namespace hf::session {

// What is wrong with the spelling, and its right one where there is one. Nothing: it is spelt so. O(bytes).
struct Misspelt {
  std::string why;
  std::optional<std::string> canonical;
};
std::optional<Misspelt> misspelt(catalog::IdRule rule, std::string_view id);

// `invalid` with this field, if the bill's id, its type (where the catalog has none of that name) or, of a target, its
// part or line is misspelt.
std::optional<Error> refuses_bill(const Catalog& catalog, std::string_view type, std::string_view id,
                                  std::string_view field);
std::optional<Error> refuses_target(const Catalog& catalog, const Target& target, std::string_view field);

}  // namespace hf::session
