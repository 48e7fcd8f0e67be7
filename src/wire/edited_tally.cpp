#include "wire/edited_tally.h"

#include <string>

#include "wire/json_writer.h"

namespace hf {

Tally edited_tally(std::string_view key, std::string_view group, std::string_view user, Wall since) {
  std::string row;
  row.reserve(key.size() + group.size() + user.size() + 27);
  row.append(key).append(1, '/').append(group).append(1, '@').append(user).append(1, '@');
  append_time(row, since);
  return text_tally(row);
}

}  // namespace hf
