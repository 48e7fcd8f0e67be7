// Prints what the wire's structs say of operations, answers and pushes, and examples of these, for operations.py.

#include <cstdio>
#include <string>

#include "samples.h"
#include "wire/schema.h"

int main() {
  std::string out = "{\"operations\":";
  hf::append_operations(out);
  out += ",\"$defs\":";
  hf::append_definitions(out);
  out += ",\"server\":";
  hf::append_server_words(out);
  out += ",\"samples\":";
  hf::append_samples(out);
  out += "}\n";
  return std::fputs(out.c_str(), stdout) < 0 ? 1 : 0;
}
