#!/usr/bin/env python3
"""Counts the places where a plain new operation is written by hand, by adding one.

    new_operation.py ROOT BUILD

In a copy of the tree it adds `echo`, with its own fields and its own answer, by WebSocket and by HTTP. More than
PLACES_MAX files touched fail, and so does a file that does not compile any more, and a document that operations.py
finds something missing in: each would be one more place.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

PLACES_MAX = 5

# (file, the text before which it goes, what goes there)
CHANGES = [
    ("src/wire/messages.h", "  HF_OP(stats_get,",
     """  HF_OP(echo, "echo", Echo, Echoed, false, "GET /v1/echo") \\\n"""),
    ("src/wire/messages.h", "template <class First, class... F>\nstruct FieldsOf", """struct Echo {
  std::string text;
  bool operator==(const Echo&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("text", v.text, {.required = true, .bytes_max = target_segment_bytes_max});
  }
};
struct Echoed {
  std::string text;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("text", v.text, {.required = true});
  }
};
"""),
    ("src/session/operations.cpp", "// The namespace's own numbers, and this node's.", """void Hub::State::operate(Call& call, Echo& f) {
  std::string body;
  append_said(body, Echoed{std::move(f.text)});
  answer_body(call, std::move(body));
}

"""),
    ("src/session/operations_test.cpp", "TEST_F(HubOperations, audit_and_catalog_and_stats_are_read_by_socket_too)",
     """TEST_F(HubOperations, an_echo_comes_back) {
  start();
  const ConnectionId c = greet(token("li"));
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"echo","text":"hello"})"), "ok.text"), "hello");
}

"""),
    ("docs/protocol.md", "| `lock.get` · `GET /v1/locks/{lock}` |",
     "| `echo` · `GET /v1/echo` | **`text`** | 200 `{text}` |\n"),
    ("docs/openapi.yaml", "  /v1/stats:\n", """  /v1/echo:
    get:
      operationId: echo
      parameters: [{ name: text, in: query, required: true, schema: { type: string, maxLength: 200 } }]
      responses:
        "200":
          description: The text.
          content:
            application/json:
              schema: { type: object, required: [text], properties: { text: { type: string } } }

"""),
]
# What must compile with it: whoever knows all operations.
KNOWS_ALL = re.compile(r"\bHF_OPS\b|answer_types\.h|\bcase Op::|\bFieldsToJson\b|field_visitors\.h")
DESCRIBE = ("src/wire/", "tests/tidy/")


def fail(sentence):
    print(f"CONTRIBUTING.md:1: new operation: {sentence}")
    sys.exit(1)


def run(arguments, directory, what):
    done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        fail(f"{what} asks for one more place")
    return done.stdout


def apply(copy):
    for path, before, text in CHANGES:
        name = os.path.join(copy, path)
        with open(name, encoding="utf-8") as file:
            whole = file.read()
        if whole.count(before) != 1:
            fail(f"{path} has no longer one place before which an operation goes: {before.strip()}")
        with open(name, "w", encoding="utf-8") as file:
            file.write(whole.replace(before, text + before))


def together(unit):
    """The files that this unit of the build compiles together; none if it compiles but itself."""
    if "/Unity/" not in unit["file"]:
        return []
    with open(unit["file"], encoding="utf-8") as file:
        return re.findall(r'^#include "(.*)"$', file.read(), re.M)


def knows_all(name):
    with open(name, encoding="utf-8") as file:
        return KNOWS_ALL.search(file.read())


def compile_all(root, build, copy):
    """The objects of those that know all operations, by their path."""
    objects = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        units = json.load(file)
    for unit in units:
        path = os.path.relpath(unit["file"], root)
        sources = together(unit)
        if sources:
            if not any(knows_all(one) for one in sources):
                continue
            folder = next(os.path.dirname(one) for one in sources if one.startswith(f"{root}/src/"))
            path = os.path.join(os.path.relpath(folder, root), os.path.basename(path))
            with open(os.path.join(copy, path), "w", encoding="utf-8") as file:
                file.writelines(f'#include "{one.replace(f"{root}/src", f"{copy}/src")}"\n' for one in sources)
        elif not path.startswith(("src/", "tests/tidy/")) or path.endswith("_test.cpp") or not path.endswith(".cpp"):
            continue
        elif not path.startswith("tests/tidy/") and not knows_all(unit["file"]):
            continue
        out = os.path.join(copy, path + ".o")
        arguments = shlex.split(unit["command"])
        arguments[arguments.index("-o") + 1] = out
        arguments = [os.path.join(copy, path) if one == unit["file"] else one for one in arguments]
        arguments = [one.replace(f"-I{root}/src", f"-I{copy}/src") for one in arguments]
        run(arguments, unit["directory"], path)
        objects[path] = out
    return objects


def link_describe(build, copy, objects):
    """describe_operations, of the copy's objects and the libraries that are there."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
        ninja = re.search(r"^CMAKE_MAKE_PROGRAM:\w+=(.*)$", file.read(), re.M).group(1)
    commands = run([ninja, "-t", "commands", "bin/describe_operations"], build, "ninja").splitlines()
    link = next(one for one in reversed(commands) if "-o bin/describe_operations" in one)
    program = os.path.join(copy, "describe")
    mine = " ".join(shlex.quote(one) for path, one in objects.items() if path.startswith(DESCRIBE))
    link = re.sub(r"\S*describe_operations\.dir/\S+\.o", "", link)
    link = link.replace("-o bin/describe_operations", f"{mine} -o {shlex.quote(program)}")
    run(["sh", "-c", link], build, "linking")
    return program


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, build = map(os.path.abspath, sys.argv[1:])
    copy = os.path.join(build, "new_operation")
    shutil.rmtree(copy, ignore_errors=True)
    for folder in ("src", "docs", "tests/tidy"):
        shutil.copytree(os.path.join(root, folder), os.path.join(copy, folder))
    apply(copy)
    places = sorted({path for path, _, _ in CHANGES})
    if len(places) > PLACES_MAX:
        fail(f"it has {len(places)} places, and {PLACES_MAX} at most: {', '.join(places)}")
    program = link_describe(build, copy, compile_all(root, build, copy))
    check = [sys.executable, os.path.join(copy, "tests/tidy/operations.py"), copy, program]
    subprocess.run(check + ["--write"], check=False, capture_output=True)  # scripts/describe.sh
    run(check, build, "a document")
    with open(os.path.join(copy, "docs/messages.d.ts"), encoding="utf-8") as file:
        types = file.read()
    if types.count('"echo"') != 2:
        fail("docs/messages.d.ts does not have its fields and its answer")
    shutil.rmtree(copy, ignore_errors=True)


if __name__ == "__main__":
    main()
