#!/usr/bin/env python3
"""Holds the table of scenarios in README.md against the tests: every test it names exists, every scenario has a line,
and every test of a scenario is in the table.

    scenarios.py ROOT     exits with 1 and says what is wrong, if anything is
"""

import os
import re
import sys

SCENARIOS = 45


def tests_in(root):
    found = set()
    for top in ("src", "tests"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".cpp", ".h")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found |= set(re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", file.read()))
    return {f"{suite}.{name}" for suite, name in found}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with open(os.path.join(arguments[0], "tests/simulation/README.md"), encoding="utf-8") as file:
        lines = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", file.read(), re.M)
    tests = tests_in(arguments[0])
    wrong = []
    numbers = [int(number) for number, _ in lines]
    if numbers != list(range(1, SCENARIOS + 1)):
        wrong.append(f"the lines are not 1 to {SCENARIOS}: {numbers}")
    named = set()
    for number, cell in lines:
        names = re.findall(r"`(\w+\.\w+)`", cell)
        if not names and "not yet" not in cell:
            wrong.append(f"scenario {number} names no test and does not say that there is none")
        for name in names:
            named.add(name)
            if name not in tests:
                wrong.append(f"scenario {number}: there is no test {name}")
            shown = re.fullmatch(r"Scenario\.scenario_(\d+)_\w+", name)
            if shown and int(shown.group(1)) != int(number):
                wrong.append(f"scenario {number} names the test of another: {name}")
    for name in sorted(tests):
        if name.startswith("Scenario.scenario_") and name not in named:
            wrong.append(f"{name} is not in the table")
    for each in wrong:
        print(f"tests/simulation/README.md: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
