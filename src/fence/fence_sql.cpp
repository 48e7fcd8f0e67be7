#include "fence/fence_sql.h"

#include <utility>

#include "base/assert.h"

namespace hf::fence {
namespace {

// A table whose rows belong to bills of one type.
struct Watched {
  std::string name;  // of its triggers, without what each of them adds
  std::string table;
  std::string bill;  // the column with the bill's key
};

// What a template's places stand for.
class Template {
 public:
  Template(Dialect dialect, const Catalog& catalog, const catalog::Type& type, Watched watched)
      : dialect_(dialect), catalog_(catalog), type_(type), watched_(std::move(watched)) {}

  std::string fill(std::string_view text) const {
    std::string filled;
    while (true) {
      const auto open = text.find('{');
      filled += text.substr(0, open);
      if (open == std::string_view::npos) return filled;
      const auto close = text.find('}', open);
      HF_ASSERT(close != std::string_view::npos);
      filled += meaning(text.substr(open + 1, close - open - 1));
      text.remove_prefix(close + 1);
    }
  }

 private:
  std::string meaning(std::string_view place) const {
    if (place == "type") return type_.name;
    if (place == "table") return quoted(watched_.table);
    if (place == "bill") return quoted(watched_.bill);
    if (place.starts_with("name ")) return quoted(watched_.name + '_' + std::string(place.substr(5)));
    HF_ASSERT(place.starts_with("when "));
    return only(std::string(place.substr(5)));
  }

  std::string quoted(const std::string& name) const {
    static constexpr std::array<std::string_view, dialect_count> quotes = {"\"\"", "\"\"", "[]", "``"};
    const std::string_view pair = quotes[static_cast<std::size_t>(dialect_)];
    return pair[0] + name + pair[1];
  }

  // What makes `row` one of this type's, where types share a table; empty: each row is. A part's row says it by its
  // bill's.
  std::string only(const std::string& row) const {
    if (!type_.only) return {};
    const catalog::Table& master = catalog_.content().tables[type_.table];
    const bool is_master = watched_.table == master.name;
    const std::string column = (is_master ? row : std::string("m")) + '.' + quoted(type_.only->column);
    const catalog::Column* const found = master.find(type_.only->column);
    std::string value = std::to_string(type_.only->value);
    if (dialect_ == Dialect::postgresql && found != nullptr && found->kind == catalog::ColumnKind::boolean)
      value = type_.only->value == 0 ? "false" : "true";
    const std::string says = column + " = " + value;
    if (is_master) return " AND " + says;
    return " AND EXISTS (SELECT 1 FROM " + quoted(master.name) + (dialect_ == Dialect::sqlserver ? " AS m" : " m") +
           " WHERE m." + quoted(type_.key) + " = " + row + '.' + quoted(watched_.bill) + " AND " + says + ')';
  }

  Dialect dialect_;
  const Catalog& catalog_;
  const catalog::Type& type_;
  Watched watched_;
};

}  // namespace

std::string_view schema_of(Dialect dialect) noexcept { return schema_texts[static_cast<std::size_t>(dialect)]; }

std::string triggers_of(Dialect dialect, const Catalog& catalog, const catalog::Type& type) {
  const std::string_view text = trigger_texts[static_cast<std::size_t>(dialect)];
  const auto& tables = catalog.content().tables;
  const std::string name = "hf_" + type.name;
  std::string made = Template(dialect, catalog, type, {name, tables[type.table].name, type.key}).fill(text);
  for (const catalog::Part& part : type.parts)
    made += Template(dialect, catalog, type, {name + '_' + part.name, tables[part.table].name, part.parent}).fill(text);
  return made;
}

}  // namespace hf::fence
