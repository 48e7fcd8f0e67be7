// Prints what the wire's structs say of the operations, for operations.py.

#include <cstdio>
#include <string>

#include "wire/schema.h"

int main() {
  std::string out = "{\"operations\":";
  hf::append_operations(out);
  out += ",\"$defs\":";
  hf::append_definitions(out);
  out += "}\n";
  return std::fputs(out.c_str(), stdout) < 0 ? 1 : 0;
}
