#pragma once

// One bill, one name: how incoming ids must be spelt.
//
// Two texts that look alike, or that the ERP treats as one (`1001` and `01001`, a composed and a decomposed é, a
// trailing blank), would be two bills here, and two people would edit one bill. So each id has one spelling, which the
// catalog defines by type (IdRule); for an unknown type an id is a text. Another spelling is refused, and the refusal
// says the right one. The server never corrects it silently: a client that sends another spelling has a bug, and it
// will show elsewhere.
//
// Locks that the store already has are exempt, so that they can be released.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"
#include "model/target.h"

namespace hf::session {

// What is wrong with the spelling, and the right one if there is one. Nothing if it is right. O(bytes).
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
