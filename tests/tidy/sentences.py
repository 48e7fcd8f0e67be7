#!/usr/bin/env python3
"""Finds sentences for people that no table of Chinese has.

    sentences.py ROOT

Reads the sources under ROOT. Each text in them that reads like a sentence, or a part of one, must stand in an English
sentence of src/base/chinese/, src/base/errors.def or apps/holdfast/; one that goes through tr() or counted() must be such a sentence
whole. What the command line prints goes through one of those. Prints each finding as `path:line: sentence`; exits
with 1 if there is one.

What is not for people is named in NOT_FOR_PEOPLE and, by its form, in is_prose(): logs and metrics are for machines
and stay English, as does what a failed check of the engine's own state says to its developers.
"""

import os
import re
import sys

TABLES = ["src/base/chinese", "src/base/errors.def", "apps/holdfast"]
SOURCES = ["src", "apps"]
# Path, or path and a text in it that is meant. The reason stands behind it.
NOT_FOR_PEOPLE = {
    "src/base/assert.h": "a bug, told to developers",
    "src/engine/lock_tree_query.cpp": "check(): what a broken invariant is called",
    "src/engine/status_journal.cpp": "check(): what a broken invariant is called",
    "src/engine/lock_tree_check.cpp": "check_some(): what a broken invariant is called",
    "src/engine/status_check.cpp": "check_some(): what a broken invariant is called",
    "src/client/distributed_lock_suite.h": "a suite of tests",
    "src/store/embedded/store_workload.cpp": "a workload of tests",
    "src/observe/metrics.cpp": "help of metrics, for Prometheus",
    "src/redis/command.cpp": "Redis' own words",
    "apps/holdfast/demo_bills.cpp": "has both languages itself",
    "apps/holdfast/completion.cpp": "a script of a shell",
}
PHRASES = [
    "text/plain; ", "SQLite format 3", "HTTP/1.1 101 Switching", "event: watch", "event: bill.changed", ": still here",  # protocols
    "This is Holdfast: a lock and status server",  # the page of the port, before the workbench
    "holdfast outbox", "holdfast documents", "holdfast demo",  # names of programs
    "Content-Type: ", "Connection: ", " HTTP/1.1\\r\\n", "SameSite=Strict",
    "Authorization, Content-Type", "ETag, Retry-After", "private, no-cache",  # names of headers
    "# Made by `holdfast login`",  # in a file
]
SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|BEGIN|SET|WITH|DROP|ALTER)\b|\b(WHERE|FROM|CAST|EXTRACT)\b"
                 r"|\b(ORDER BY|AND) id\b|\b(LEFT JOIN|GROUP BY|LIMIT|ON CONFLICT|AS integer|AS text|with time zone)\b"
                 r"|\bb\.(id|creator)\b"
                 r"|\b(AND|ORDER BY) (source|target|request)_\w+|\bAND (version|token|part_token)\b|\bORDER BY type\b"
                 r"|\bRETURNING\b|\bto_char\(|\bJOIN hf_")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\((?P<raw>.*?)\)(?P=d)"|"(?P<text>(?:\\.|[^"\\\n])*)"'
                   r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
BETWEEN = re.compile(r"(\s|//[^\n]*\n)*")


class Literal:
    def __init__(self, line, text, before):
        self.line = line
        self.text = text
        self.before = before


def literals(code):
    """The texts of C++ code; neighbours are one text. `before`: the code before it, without texts and comments."""
    found = []
    begin, blank = None, []
    last = 0
    for match in TOKEN.finditer(code):
        blank.append(code[last:match.start()])
        text = match.group("text")
        if text is not None:
            joined = begin is not None and BETWEEN.fullmatch(code[begin:match.start()])
            if joined:
                found[-1].text += text
            else:
                before = "".join(blank)[-400:]
                found.append(Literal(code.count("\n", 0, match.start()) + 1, text, before))
            begin = match.end()
            blank.append('""')
        elif match.group().startswith("/"):
            blank.append(" ")
        else:
            blank.append("''")
        last = match.end()
    return found


def is_prose(text):
    if SQL.search(text) or text.startswith("\\x1b"):
        return False
    if any(phrase in text for phrase in PHRASES):
        return False
    return re.search(r"[A-Za-z][`',;:)]?\s[`'(]?[a-z]{2,}|[a-z]{2,}[`',;:)]?\s[`'(]?[A-Za-z]", text) is not None


def statement_of(before):
    """What stands before a text in its own statement."""
    return re.split(r"[;{}]\s", before)[-1]


def call_of(before):
    """The name of the function whose argument comes next, and how many arguments stand before it."""
    depth = 0
    commas = 0
    for i in range(len(before) - 1, -1, -1):
        c = before[i]
        if c in ")]":
            depth += 1
        elif c in "([":
            if depth == 0:
                name = re.search(r"([\w:]+)\s*$", before[:i]) if c == "(" else None
                return (name.group(1) if name else "", commas)
            depth -= 1
        elif c == "," and depth == 0:
            commas += 1
        elif c in ";{}" and depth == 0:
            return ("", 0)
    return ("", 0)


class Tables:
    def __init__(self, sources):
        self.whole = set()
        for path, text in sources.items():
            if not path.endswith(".def"):
                continue
            for match in re.finditer(r'HF_SENTENCE\("((?:\\.|[^"\\])*)",\s*"((?:\\.|[^"\\])*)"\)', text):
                self.whole.add(match.group(1))
            self.whole.update(re.findall(r'HF_ERROR\(\w+, \d+, \d+, "([^"]*)"', text))
        # A text of the sources is a part of a sentence between two holes, or of a whole one.
        self.all = "\n".join(sorted(self.whole))

    def has(self, text):
        """Whether all of it stands there, but for marks at its edges, which join it to what is put beside it."""
        return all(line.strip(" :;,.'") in self.all for line in text.split("\\n"))


def read(root):
    sources = {}
    for top in SOURCES:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
                if name.endswith(".def") and not path.startswith(tuple(TABLES)):
                    continue
                if name.endswith((".cpp", ".h", ".def")) and not re.search(r"_(test|fuzz|bench)\.", name):
                    with open(os.path.join(root, path), encoding="utf-8") as file:
                        sources[path] = file.read()
    return sources


def goes_round(path, literal):
    """Whether a text of the command line is printed without having been looked up."""
    if not path.startswith("apps/holdfast/") or not re.search(r"[A-Za-z]{3,}", literal.text):
        return False
    statement = statement_of(literal.before)
    if not re.search(r"\b(say|complain|complaint)\(", statement):
        return False
    name, _ = call_of(literal.before)
    return name in ("say", "complain", "complaint", "") and is_prose(literal.text)


def commands_of(sources):
    """What a user types: a text that begins with the name of a command is no sentence."""
    names = re.findall(r'\b(?:add|add_part)\("([a-z-]+)"', sources.get("apps/holdfast/options.cpp", ""))
    return re.compile(r"(--as \w+ )?(" + "|".join(names + ["backup", "restore", "outbox", "fence"]) + r") ([^a-z]|locks)"
                      r"|(help|completion|outbox|fence|run) \w")


def findings(sources):
    tables = Tables(sources)
    typed = commands_of(sources)
    for path, code in sources.items():
        if path.endswith(".def") or path in NOT_FOR_PEOPLE:
            continue
        for literal in literals(code):
            name, place = call_of(literal.before)
            if "#include" in literal.before.rsplit("\n", 1)[-1] or name in ("log", "static_assert", "HF_ASSERT"):
                continue
            name = name.rsplit("::", 1)[-1]
            keyed = (name == "tr" and place == 0) or (name == "counted" and place in (1, 2))
            if keyed and literal.text not in tables.whole:
                yield f"{path}:{literal.line}: no Chinese: {literal.text}"
            elif name == "typed" or path.startswith("apps/holdfast/") and typed.match(literal.text):
                continue
            elif not keyed and is_prose(literal.text) and not tables.has(literal.text):
                yield f"{path}:{literal.line}: no Chinese: {literal.text}"
            elif goes_round(path, literal):
                yield f"{path}:{literal.line}: not through tr(): {literal.text}"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(findings(read(arguments[0])))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
