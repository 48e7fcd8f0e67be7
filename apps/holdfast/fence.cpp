#include "fence.h"

#include <errno.h>
#include <string.h>

#include <fstream>
#include <sstream>

#include "catalog/catalog_loader.h"
#include "console.h"
#include "fence/fence_sql.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

int misused(const Arguments& a, const std::string& detail, const std::string& field) {
  return report(a, holdfast::failure(holdfast::Code::invalid, detail, field).value());
}

int no_such_database(const Arguments& a) {
  return misused(a, tr("It is for sqlite, postgresql, sqlserver or mysql."), "database");
}

}  // namespace

int fence_sql(const Arguments& a, const FenceArguments& f) {
  const auto dialect = dialect_from_name(f.database);
  if (!dialect) return no_such_database(a);
  say(std::string(fence::schema_of(*dialect)));
  return exit_done;
}

int fence_triggers(const Arguments& a, const FenceArguments& f) {
  const auto dialect = dialect_from_name(f.database);
  if (!dialect) return no_such_database(a);
  std::ifstream file(f.catalog, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return misused(a, tr("{} cannot be read: {}.", f.catalog, ::strerror(errno)), "catalog");
  const auto catalog = load_catalog(text.str(), f.catalog);
  if (!catalog) {
    complain(catalog.error().text());
    return exit_usage;
  }
  std::vector<const catalog::Type*> types;
  for (const std::string& name : f.types) {
    types.push_back(catalog->find_type(name));
    if (types.back() == nullptr) return misused(a, tr("The catalog has no type {}.", plain(name)), "types");
  }
  if (types.empty()) {
    for (const catalog::Type& type : catalog->content().types) types.push_back(&type);
  }
  for (const catalog::Type* type : types) say(fence::triggers_of(*dialect, *catalog, *type));
  return exit_done;
}

}  // namespace hf::cli
