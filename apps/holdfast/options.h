#pragma once

// The commands and options of `holdfast`, declared: names, what they take, what they are for, and which function of
// commands.h runs them.

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "commands.h"
#include "fence.h"
#include "identity.h"
#include "outbox.h"

namespace hf::cli {

// A command as main() runs it once the arguments are read.
struct Chosen {
  std::function<int(const Arguments&)> run;
  Needs needs = Needs::token;
};

class Options {
 public:
  // Fills `a`, `o` and `chosen` while it parses. All three must outlive it.
  Options(Arguments& a, OutboxArguments& o, Chosen& chosen);

  CLI::App& app() noexcept { return app_; }

 private:
  using Run = int (*)(const Arguments&);
  CLI::App* add(const char* name, const char* group, const char* help, Run run, Needs needs = Needs::token);
  void add_locking();
  void add_asking();
  void add_looking();
  void add_status();
  void add_publishing();
  void add_runs();
  void add_signing_in();
  void add_operating();
  void add_outbox();
  void add_fence();
  void add_completion();
  void add_helping();

  CLI::App app_;
  Arguments& a_;
  OutboxArguments& o_;
  Chosen& chosen_;
  FenceArguments fence_;
  std::string shell_;
};

}  // namespace hf::cli
