#include "session/todo_selection.h"

#include "base/fingerprint.h"
#include "wire/jwt.h"

namespace hf::session {

Result<TodoSelectionPtr> select_todo(const Catalog& catalog, const std::vector<std::string>& types, bool all_rows,
                                     const std::vector<std::string>& open) {
  const auto& content = catalog.content();
  auto made = std::make_shared<TodoSelection>();
  made->counted.assign(content.types.size(), types.empty());
  made->rows.assign(content.types.size(), 0);
  for (const std::string& name : types) {
    const catalog::Type* const type = catalog.find_type(name);
    if (type == nullptr) return fail(Code::invalid, "The catalog has no type " + name + ".", "types");
    made->counted[catalog.index_of(*type)] = true;
  }
  const auto open_group = [&](std::string_view only_type, std::string_view group) {
    bool found = false;
    for (std::size_t i = 0; i < content.types.size(); ++i) {
      const catalog::Type& type = content.types[i];
      if (!only_type.empty() && type.name != only_type) continue;
      for (std::size_t place = 0; place < type.groups.size(); ++place) {
        if (content.groups[type.groups[place]].name != group) continue;
        found = true;
        if (made->counted[i]) made->rows[i] |= std::uint32_t{1} << place;
      }
    }
    return found;
  };
  for (const std::string& name : open) {
    const std::size_t slash = name.find('/');
    const std::string_view type =
        slash == std::string::npos ? std::string_view() : std::string_view(name).substr(0, slash);
    const std::string_view group = slash == std::string::npos ? name : std::string_view(name).substr(slash + 1);
    if (!open_group(type, group)) return fail(Code::invalid, "The catalog has no group " + name + ".", "open");
  }
  std::string text;
  for (std::size_t i = 0; i < content.types.size(); ++i) {
    if (all_rows && made->counted[i]) made->rows[i] = UINT32_MAX;
    text.append(made->counted[i] ? "c" : "-").append(std::to_string(made->rows[i])).append(1, ',');
  }
  made->key = fingerprint(text);
  return TodoSelectionPtr(std::move(made));
}

}  // namespace hf::session
