#include "completion.h"

#include <CLI/CLI.hpp>

namespace hf::cli {

std::string completion(const CLI::App& app, const std::string& shell) {
  std::string commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    std::string names = command->get_name();
    for (const std::string& alias : command->get_aliases()) names += " " + alias;
    commands += (commands.empty() ? "" : " ") + names;
    std::string pattern = names;
    for (std::size_t at = 0; (at = pattern.find(' ', at)) != std::string::npos; at += 3) pattern.replace(at, 1, " | ");
    // Of a command that has commands: these, and what they take.
    std::string options;
    std::vector<const CLI::App*> parts{command};
    for (const CLI::App* part : command->get_subcommands(nullptr)) {
      options += " " + part->get_name();
      parts.push_back(part);
    }
    for (const CLI::App* part : parts) {
      for (const CLI::Option* option : part->get_options()) {
        for (const std::string& name : option->get_lnames()) {
          if ((options + " ").find(" --" + name + " ") == std::string::npos) options += " --" + name;
        }
      }
    }
    cases += "    " + pattern + ") words=\"" + options + " --server --token --as --json\" ;;\n";
  }
  std::string script = "# holdfast: completion for " + shell +
                       ". Put it where your shell looks, or: source <(holdfast completion " + shell + ")\n";
  if (shell == "zsh") script += "autoload -U +X bashcompinit && bashcompinit\n";
  return script +
         "_holdfast() {\n  local word=${COMP_WORDS[COMP_CWORD]} command= words= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"${COMP_WORDS[i]}\" in --server | --token | --as) ((i++)) ;; -*) ;; *) command=${COMP_WORDS[i]}; "
         "break ;; "
         "esac\n  done\n"
         "  case \"$command\" in\n    '') words=\"" +
         commands + " --server --token --as --json --help --version\" ;;\n" + cases +
         "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _holdfast holdfast\n";
}

}  // namespace hf::cli
