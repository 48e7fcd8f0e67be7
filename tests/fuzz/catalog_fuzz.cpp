// A catalog is loaded or all that is wrong with it is said; a loaded one can be shown to clients.

#include "catalog/catalog_loader.h"
#include "fuzz.h"
#include "session/catalog_json.h"
#include "wire/server_messages.h"

namespace hf {
namespace {

void run(std::string_view text) {
  const auto catalog = load_catalog(text, "fuzz.toml");
  if (!catalog) {
    HF_ASSERT(!catalog.error().list.empty() && catalog.error().list.size() <= catalog_problems_max);
    for (const CatalogProblem& problem : catalog.error().list) HF_ASSERT(!problem.reason.empty());
    return;
  }
  std::string message = R"({"id":1,"ok":)";
  append_catalog(message, *catalog);
  message += "}";
  HF_ASSERT(parse_server_message(message));
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
