#!/usr/bin/env python3
"""Holds the source tree to the rules of docs/architecture.md that no compiler knows.

    tidy.py ROOT USES      ROOT: the source tree; USES: <build>/uses.txt, written by hf_module()

Prints each finding as `path:line: rule: sentence`; exits with 1 if there is one, 2 if it cannot check.
A module is a folder of src/ that the table "The modules" of docs/architecture.md names, in its order.

The direction of includes has two halves:
  uses     what CMake gives a module (USES) lies within what the table gives it: the modules named in its row
           and, for those are in their interfaces, what they may use in turn; all stand earlier in the table;
  include  a file includes its own module and those in its module's USES, nothing else: what is included is
           named. A module without a CMakeLists.txt (headers only) needs no naming; the table alone decides.
           Tests beside the code may include any module that stands earlier in the table.
"""

import os
import re
import sys

PURE = ["base", "model", "catalog", "documents", "engine", "wire", "redis", "session"]
# What a pure module may not contain, as it stands in code (comments and texts are not code).
IMPURE = [
    ("asio", r"#\s*include\s*<boost/(asio|beast)\b|\b(asio|beast)::"),
    ("thread", r"#\s*include\s*<(thread|future|stop_token|pthread\.h)>|\bstd::(jthread|thread|async)\b"),
    ("mutex", r"#\s*include\s*<(mutex|shared_mutex|condition_variable|semaphore|latch|barrier)>|\bstd::\w*mutex\b"),
    ("clock", r"[Cc]lock::now\s*\(|\b(gettimeofday|clock_gettime)\s*\("),
    ("environment", r"\b(secure_)?getenv\s*\("),
    ("random source", r"\brandom_device\b|\bgetrandom\s*\(|\bRAND_bytes\s*\("),
    ("iostream", r"#\s*include\s*<iostream>|\bstd::(cout|cerr|clog)\b"),
    ("logging", r"#\s*include\s*<spdlog/|\bspdlog::"),
]
SHOWN = ["client", "client/redis"]
WITHOUT_JSON = ["base", "model", "catalog", "engine"]
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
TOO_LONG = "tests/tidy/too_long.txt"  # what was longer when these bounds came, and how long: it may only shrink
ESSAY_LINES_MIN = 1
HEAVY_UNITS_MAX = 8
COROUTINE_HOME = "src/net/"
TOML_HOMES = ("catalog_loader.cpp", "config.cpp")
CODE = (".h", ".cpp")
# Where the rules for all our text apply, beside the files at the root.
FOLDERS = [".ci", "apps", "bench", "catalog", "cmake", "deploy", "docs", "examples", "include", "scripts", "src",
           "tests", "web"]
TEXT = CODE + (".def", ".py", ".sh", ".cmake", ".txt", ".lua", ".sql", ".ts", ".vue", ".js", ".mjs", ".css", ".html",
               ".md", ".toml", ".yaml", ".yml")
LONG_LISTS = (".toml", ".md", ".yaml")  # data and prose are not bound to FILE_LINES_MAX
SKIPPED = {"node_modules", "dist", "corpus", "__pycache__"}
FOREIGN = {"third_party", "third-party", "thirdparty", "3rdparty", "vendor", "extern", "external"}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")


NO_WAY = "the table of docs/architecture.md has no way there"


class CannotCheck(Exception):
    pass


def code_of(text, keep_strings=False):
    """`text` without comments and, unless kept, without what stands in its string literals; same line numbers."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
                       r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def blank(match):
        found = match.group()
        if found.startswith("/"):
            return " " + "\n" * found.count("\n")
        if keep_strings:
            return found
        return "' '" if found.startswith("'") else '""' + "\n" * found.count("\n")

    return token.sub(blank, text)


def functions_of(code):
    """(name, first line, how many lines) of each function of `code`, which is formatted as ours and without comments.

    A function begins at the indentation of its namespace (none) or class, with a statement whose last line ends in `{`,
    and goes to the `}` alone at that indentation. What stands inside it is a part of it.
    """
    lines = code.split("\n")
    found = []

    def scan(at, end, indent):
        start = None
        while at < end:
            line = lines[at].rstrip()
            depth = len(line) - len(line.lstrip())
            if line and depth == indent and line.lstrip()[0] not in "}#":
                start = at
            if start is None or not line or depth < indent or not line.endswith(("{", ";", "}")):
                at += 1
                continue
            head = " ".join(part.strip() for part in lines[start:at + 1])
            first, start = start, None
            if not line.endswith("{") or re.match(r"(inline )?namespace\b|extern \"\" ", head):
                at += 1
                continue
            close = next((i for i in range(at + 1, end) if re.match(r" {%d}\}" % indent, lines[i])), end)
            if close < end and lines[close].rstrip() == " " * indent + "}":
                found.append((name_of(head), first + 1, close - first + 1))
            elif re.match(r"(template <.*> )?(class|struct|union)\b", head):
                scan(at + 1, close, indent + 2)
            at = close + 1

    def name_of(head):
        test = re.match(r"TEST(?:_[FP])?\((\w+), (\w+)\)", head)
        name = re.search(r"([\w:~]+|operator[^\w\s(]+)\(", head)
        return f"{test[1]}.{test[2]}" if test else name[1] if name else head

    scan(0, len(lines), 0)
    return found


def line_at(text, position):
    return text.count("\n", 0, position) + 1


class Table:
    """The modules in their order and what each may use, from docs/architecture.md."""

    def __init__(self, text):
        rows = re.findall(r"^\| `([\w/]+)/?` \|[^|\n]*\|([^|\n]*)\|\s*$", text, re.M)
        if not rows:
            raise CannotCheck("docs/architecture.md has no table of modules")
        self.order = [name.rstrip("/") for name, _ in rows]
        self.direct = {name.rstrip("/"): re.findall(r"`([\w/]+)`", uses) for name, uses in rows}
        self.problems = []
        self.allowed = {}
        for module in self.order:
            reach = set()
            for used in self.direct[module]:
                if used not in self.allowed:
                    self.problems.append(f"{module} names {used}, which does not stand above it")
                    continue
                reach |= {used} | self.allowed[used]
            self.allowed[module] = reach

    def module_of(self, path):
        """The module that `path`, relative to src/, lies in: the longest name that leads to it."""
        names = [m for m in self.order if path.startswith(m + "/")]
        return max(names, key=len) if names else None

    def before(self, module):
        return set(self.order[:self.order.index(module)])


class Tidy:
    def __init__(self, root, uses_path):
        self.root = root
        self.findings = []
        self.files = {}
        self.foreign = []
        self.walk()
        try:
            self.table = Table(self.read("docs/architecture.md"))
            self.uses = self.read_uses(uses_path)
            self.too_long = self.read_too_long()
        except OSError as error:
            raise CannotCheck(str(error)) from error

    def walk(self):
        for folder, folders, names in os.walk(self.root):
            here = os.path.relpath(folder, self.root).replace(os.sep, "/")
            top = here == "."
            folders[:] = sorted(f for f in folders if f not in SKIPPED and (not top or f in FOLDERS or f in FOREIGN))
            self.foreign += [f if top else f"{here}/{f}" for f in folders if f in FOREIGN]
            for name in sorted(names):
                if name.endswith(TEXT) or name in ("run", "test"):
                    path = name if top else f"{here}/{name}"
                    self.files[path] = self.read(path)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def read_uses(self, path):
        uses = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                module, colon, names = line.strip().partition(":")
                if colon:
                    uses[module] = [n for n in re.split(r"[;\s]+", names) if n]
        if not uses:
            raise CannotCheck(f"{path} names no module")
        return uses

    def read_too_long(self):
        """What may be longer than its bound, with its length: PATH for a file, PATH:NAME for a function."""
        listed = {}
        for line in self.files.get(TOO_LONG, "").split("\n"):
            entry = line.partition("#")[0].split()
            if entry:
                listed[entry[1]] = int(entry[0])
        return listed

    def find(self, path, line, rule, sentence):
        self.findings.append(f"{path}:{line}: {rule}: {sentence}")

    def find_all(self, path, text, pattern, rule, sentence):
        for match in re.finditer(pattern, text, re.M):
            self.find(path, line_at(text, match.start()), rule, sentence)

    def is_test(self, path):
        return path.startswith("tests/") or re.search(r"_(test|fuzz|bench)\.(cpp|h)$", path) is not None

    def run(self):
        self.check_uses()
        for folder in self.foreign:
            self.find(folder, 1, "foreign", "code of others comes as a Debian package, not as a folder of ours")
        for path, text in self.files.items():
            self.check_text(path, text)
            if path.endswith(CODE):
                code = code_of(text)
                includes = code_of(text, keep_strings=True)
                self.check_code(path, code, includes)
                if path.startswith("src/"):
                    self.check_module(path, code, includes)
                if path.endswith(".h"):
                    self.check_header(path, text)
        self.check_lengths()
        self.check_heavy_units()
        return self.findings

    def check_lengths(self):
        """Files and functions within their bounds; what is listed may be as long as it was, and leaves the list with that."""
        long = {}
        for path, text in self.files.items():
            lines = text.count("\n")
            if lines > FILE_LINES_MAX and not path.endswith(LONG_LISTS):
                long[path] = (lines, path, lines, f"a file is about one noun and has at most {FILE_LINES_MAX}")
            if not path.endswith(CODE):
                continue
            for name, first, size in functions_of(code_of(text)):
                key = f"{path}:{name}"
                if size > FUNCTION_LINES_MAX and size > long.get(key, (0,))[0]:
                    long[key] = (size, path, first, f"{name} fits a screen: at most {FUNCTION_LINES_MAX}")
        for key, (size, path, line, sentence) in long.items():
            allowed = self.too_long.get(key)
            if allowed is None:
                self.find(path, line, "long", f"{size} lines; {sentence}")
            elif size > allowed:
                self.find(path, line, "long", f"{size} lines, and it may only shrink from the {allowed} that it had")
        for key in self.too_long:
            if key not in long:
                self.find(TOO_LONG, 1, "long", f"{key} is within its bound: take it off the list")

    def check_uses(self):
        for problem in self.table.problems:
            self.find("docs/architecture.md", 1, "order", problem)
        for module, used in self.uses.items():
            path = f"src/{module}/CMakeLists.txt"
            if module not in self.table.order:
                self.find(path, 1, "uses", f"{module} is not in the table of docs/architecture.md")
                continue
            for other in used:
                if other not in self.table.allowed[module]:
                    self.find(path, 1, "uses", f"{module} may not use {other}: {NO_WAY}")

    def check_text(self, path, text):
        for match in UNFINISHED.finditer("" if path.endswith(".md") else text):
            self.find(path, line_at(text, match.start()), "unfinished", "do it, or write it into the plan")
        if path == "docs/openapi.yaml":
            self.check_openapi(path, text)
        if path.endswith((".cmake", "CMakeLists.txt")):
            script = re.sub(r"#[^\n]*", "", text)
            self.find_all(path, script, r"\b(FetchContent_\w+|ExternalProject_Add|CPMAddPackage)\b",
                          "foreign", "code of others comes as a Debian package, not by download")

    def check_openapi(self, path, text):
        """What the linters of the field recommend, held without them: by the shape in which we write the file."""
        for member in ("contact", "license", "description"):
            if not re.search(rf"^  {member}: ", text, re.M):
                self.find(path, 1, "openapi", f"info has a {member}")
        for match in re.finditer(r"^  - name: .*\n(?!    description: )", text, re.M):
            self.find(path, line_at(text, match.start()), "openapi", "a tag has a description")
        paths, _, _ = text.partition("\ncomponents:\n")
        operations = list(re.finditer(r"^    (?:get|post|put|delete):\n((?:      .*\n|\n)+)", paths, re.M))
        for operation in operations:
            for member in ("operationId", "tags", "summary", "description", "responses"):
                if not re.search(rf"^      {member}:", operation.group(1), re.M):
                    self.find(path, line_at(text, operation.start()), "openapi", f"an operation has a {member}")
            if not re.search(r'^        "4(XX|\d\d)":', operation.group(1), re.M):
                self.find(path, line_at(text, operation.start()), "openapi", "an operation says how it is refused (4XX)")
        ids = [i for o in operations for i in re.findall(r"^      operationId: (.+)$", o.group(1), re.M)]
        for twice in sorted({i for i in ids if ids.count(i) > 1}):
            self.find(path, 1, "openapi", f"operationId {twice} stands twice")
        for match in re.finditer(r"#/components/(\w+)/(\w+)", text):
            if not re.search(rf"^    {match.group(2)}:", text.partition(f"\n  {match.group(1)}:\n")[2], re.M):
                self.find(path, line_at(text, match.start()), "openapi", f"nothing is named {match.group()}")

    def check_code(self, path, code, includes):
        name = path.rsplit("/", 1)[-1]
        if not path.startswith(COROUTINE_HOME):
            self.find_all(path, code, r"\bco_(await|return|yield)\b", "coroutine", "coroutines live in net/ only")
        self.check_awaits(path, code)
        if name not in TOML_HOMES:
            self.find_all(path, includes, r"#\s*include\s*[<\"]toml\+\+", "toml",
                          "toml++ is included only by " + " and ".join(TOML_HOMES))
        if not path.startswith("apps/"):
            self.find_all(path, includes, r"#\s*include\s*[<\"]CLI/", "cli11", "CLI11 is for the programs in apps/")
        if self.is_test(path):
            self.find_all(path, code, r"\bsleep_(for|until)\s*\(|\bu?sleep\s*\(|\bnanosleep\s*\(", "sleep",
                          "wait for a condition with a deadline, not for time to pass")

    def check_awaits(self, path, code):
        """`co_await …;` or `x = co_await …;`: whole statements, which every compiler gets right."""
        for match in re.finditer(r"\bco_await\b", code):
            start = max(code.rfind(c, 0, match.start()) for c in ";{}") + 1
            before = code[start:match.start()].strip()
            end = code.find(";", match.end())
            after = code[match.end():end if end >= 0 else len(code)]
            whole = before == "" or re.fullmatch(r"[\w:<>,&*.\s\[\]-]+[^=!<>]=", before)
            if not whole or re.search(r"\bco_await\b|[?{}]", after):
                self.find(path, line_at(code, match.start()), "await",
                          "write `x = co_await …;` as a whole statement without braces or a choice; then test x")

    def check_module(self, path, code, includes):
        module = self.table.module_of(path[len("src/"):])
        if module is None:
            self.find(path, 1, "module", "lies in no module of docs/architecture.md")
            return
        if module.split("/")[0] in PURE:
            for what, pattern in IMPURE:
                self.find_all(path, code, pattern, "pure", f"{module} decides in pure code: no {what} here")
        if module in WITHOUT_JSON:
            self.find_all(path, code, r"#\s*include\s*<boost/json", "pure", f"{module} never knows JSON: wire does")
        known = self.uses.get(module)
        for match in re.finditer(r'^\s*#\s*include\s*"([^"]+)"', includes, re.M):
            line = line_at(includes, match.start(1))
            other = self.table.module_of(match.group(1))
            if other is None:
                # include/holdfast is what the SDK shows; its modules alone include it.
                # Tests that need a server share what tests/server has for it.
                shown = match.group(1).startswith("holdfast/") and (module in SHOWN or self.is_test(path))
                if not shown and not (self.is_test(path) and match.group(1).startswith("tests/")):
                    self.find(path, line, "include", f'"{match.group(1)}": write the path from src/ to a module')
                continue
            if other == module:
                continue
            if self.is_test(path):
                allowed = other in self.table.before(module)
                why = f"{other} does not stand above {module} in the table of docs/architecture.md"
            elif known is None or other not in self.uses:
                allowed = other in self.table.allowed[module]
                why = f"{module} may not use {other}: {NO_WAY}"
            else:
                allowed = other in known
                why = f"{other} is not in the USES of {module}"
            if not allowed:
                self.find(path, line, "include", why)

    def check_header(self, path, text):
        lines = text.split("\n")
        if lines[0] != "#pragma once":
            self.find(path, 1, "header", "begins with #pragma once")
            return
        if not path.startswith(("src/", "include/")) or self.is_test(path):
            return
        first = next((i for i, line in enumerate(lines[1:], 1) if line.strip()), 0)
        essay = 0
        while first + essay < len(lines) and lines[first + essay].startswith("//"):
            essay += 1
        if essay < ESSAY_LINES_MIN:
            self.find(path, 2, "essay",
                      "begins with up to 15 lines: what it is for, what it promises, who may call it")

    def check_heavy_units(self):
        """Asio and Beast cost ten seconds a translation unit; through headers of ours, too."""
        includes = {}
        for path, text in self.files.items():
            if path.endswith(CODE):
                code = code_of(text, keep_strings=True)
                includes[path] = re.findall(r'^\s*#\s*include\s*([<"][^>"]+)[>"]', code, re.M)

        def heavy(path, seen):
            if path in seen or path not in includes:
                return False
            seen.add(path)
            for included in includes[path]:
                if re.match(r'[<"]boost/(asio|beast)\b', included):
                    return True
                homes = ("src", "include", "tests", path.rsplit("/", 1)[0])
                if any(heavy(f"{home}/{included[1:]}", seen) for home in homes):
                    return True
            return False

        units = [path for path in includes if path.endswith(".cpp") and heavy(path, set())]
        if len(units) > HEAVY_UNITS_MAX:
            self.find(units[-1], 1, "heavy", f"Asio or Beast in {len(units)} translation units, "
                                             f"at most {HEAVY_UNITS_MAX}: " + " ".join(units))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        findings = Tidy(arguments[0], arguments[1]).run()
    except CannotCheck as reason:
        print(f"tidy: {reason}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
