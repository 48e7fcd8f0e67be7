#!/usr/bin/env python3
"""If tidy overlooked a rule's breach, the rule would be a wish. Each test breaks one rule in a small good tree."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sentences  # noqa: E402
import tidy  # noqa: E402

TABLE = """
| module | what it is | uses |
|---|---|---|
| `base` | values | |
| `model` | more values | `base` |
| `engine` | rules | `model` |
| `wire` | bytes | `model` |
| `store` | ports | `engine` |
| `net` | sockets | `store` `wire` |
"""
USES = "base: \nmodel: base\nengine: base;model\nwire: model\nnet: base model engine wire\n"
HEADER = "#pragma once\n\n// One.\n// Two.\n// Three.\n\n"
GOOD = {
    "docs/architecture.md": TABLE,
    "src/base/id.h": HEADER + '#include "base/result.h"\n',
    "src/base/result.h": HEADER,
    "src/model/lock.h": HEADER + '#include "base/id.h"\n',
    "src/engine/tree.h": HEADER + '#include "base/id.h"\n#include "model/lock.h"\n',
    "src/engine/tree.cpp": '#include "engine/tree.h"\n// asks std::chrono::steady_clock::now() for nothing\n'
                           'const char* text = "getenv(co_await std::mutex";\nint n = 10\'000;\n',
    "src/engine/tree_test.cpp": '#include "engine/tree.h"\n#include "base/result.h"\n',
    "src/store/port.h": HEADER + '#include "engine/tree.h"\n',
    "src/net/pump.cpp": '#include <boost/asio/ip/tcp.hpp>\n#include "store/port.h"\n'
                        "awaitable<void> pump() {\n  const auto [ec, n] = co_await socket.read(buffer);\n"
                        "  if (ec) co_return;\n  co_await timer.wait(token);\n  this_.size = co_await measure();\n}\n",
    "apps/holdfastd/main.cpp": "#include <CLI/CLI.hpp>\nint main(int argc, char** argv) {}\n",
}


class TidyTest(unittest.TestCase):
    def findings(self, changes, uses=USES):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**GOOD, **changes}.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            uses_path = os.path.join(root, "uses.txt")
            with open(uses_path, "w", encoding="utf-8") as file:
                file.write(uses)
            return tidy.Tidy(root, uses_path).run()

    def refuses(self, rule, changes, at=None, uses=USES):
        findings = self.findings(changes, uses)
        self.assertEqual({finding.split(": ")[1] for finding in findings}, {rule}, findings)
        if at:
            self.assertTrue(findings[0].startswith(at + ":"), findings)

    def test_a_good_tree_has_no_findings(self):
        self.assertEqual(self.findings({}), [])

    def test_a_module_includes_only_what_its_uses_name(self):
        self.refuses("include", {"src/wire/json.cpp": '#include "base/id.h"\n'}, "src/wire/json.cpp:1")
        self.refuses("include", {"src/engine/tree.cpp": '#include "wire/json.h"\n'}, "src/engine/tree.cpp:1")

    def test_a_module_of_headers_is_included_only_where_the_table_leads(self):
        self.refuses("include", {"src/wire/json.cpp": '#include "store/port.h"\n'})
        self.refuses("include", {"src/store/port.h": HEADER + '#include "wire/json.h"\n'}, "src/store/port.h:7")

    def test_a_test_beside_the_code_includes_nothing_from_below_its_module(self):
        self.refuses("include", {"src/engine/tree_test.cpp": '#include "net/pump.h"\n'})

    def test_an_include_is_written_from_src(self):
        self.refuses("include", {"src/engine/tree.cpp": '#include "tree.h"\n'})
        self.refuses("include", {"src/engine/tree.cpp": '#include "holdfast/client.h"\n'})

    def test_uses_lie_within_the_table(self):
        self.refuses("uses", {}, "src/engine/CMakeLists.txt:1", USES.replace("base;model", "base;model;wire"))
        self.refuses("uses", {}, "src/helper/CMakeLists.txt:1", USES + "helper: base\n")

    def test_the_table_is_an_order(self):
        self.refuses("order", {"docs/architecture.md": TABLE.replace("| values | |", "| values | `net` |")})

    def test_every_source_lies_in_a_module(self):
        self.refuses("module", {"src/helper/a.cpp": "\n"}, "src/helper/a.cpp:1")

    def test_pure_modules_touch_nothing_of_the_world(self):
        for code in ["#include <boost/asio/post.hpp>", "boost::asio::io_context* io;", "#include <thread>",
                     "#include <mutex>", "#include <condition_variable>", 'auto p = getenv("X");',
                     "auto t = std::chrono::steady_clock::now();", "std::random_device d;", "#include <iostream>",
                     "#include <spdlog/spdlog.h>", "#include <boost/json.hpp>"]:
            with self.subTest(code):
                self.refuses("pure", {"src/engine/tree.cpp": code + "\n"}, "src/engine/tree.cpp:1")
                self.assertEqual(self.findings({"src/net/other.cpp": code + "\n"}), [])
        self.assertEqual(self.findings({"src/wire/json.cpp": "#include <boost/json.hpp>\n"}), [])

    def test_the_description_of_the_operations_is_whole(self):
        good = ("info:\n  description: It.\n  contact: { name: We }\n  license: { name: X }\ntags:\n  - name: a\n"
                "    description: A.\npaths:\n  /a:\n    get:\n      operationId: a\n      tags: [a]\n"
                "      summary: Gets.\n      description: Gets it.\n      responses:\n        \"200\": { }\n"
                "        \"4XX\": { $ref: \"#/components/responses/No\" }\n\ncomponents:\n  responses:\n    No: { }\n")
        self.assertEqual(self.findings({"docs/openapi.yaml": good}), [])
        for part in ["  contact: { name: We }\n", "    description: A.\n", "      tags: [a]\n", "      summary: Gets.\n",
                     "      description: Gets it.\n", '        "4XX": { $ref: "#/components/responses/No" }\n',
                     "    No: { }\n"]:
            with self.subTest(part):
                self.refuses("openapi", {"docs/openapi.yaml": good.replace(part, "")}, "docs/openapi.yaml")
        twice = good.replace("\ncomponents", good[good.index("    get:"):good.index("\ncomponents")].replace("get", "put")
                             + "\ncomponents")
        self.refuses("openapi", {"docs/openapi.yaml": twice})

    def test_coroutines_live_in_net(self):
        self.refuses("coroutine", {"apps/holdfastd/a.cpp": "auto f() {\n  co_return;\n}\n"}, "apps/holdfastd/a.cpp:2")
        self.refuses("coroutine", {"tests/server/a_test.cpp": "co_yield 1;\n"})

    def test_an_await_is_a_statement_of_its_own(self):
        for code in ["if (co_await x) {}", "while (n < co_await x) {}", "switch (co_await x) {}",
                     "return f(co_await x);", "auto n = 1 + co_await x;", "auto t = co_await f({.a = 1});",
                     "auto t = co_await f([a] { a(); });", "auto t = co_await f(b ? c : d);",
                     "auto t = co_await a(co_await b);", "co_return co_await x;", "if (n == co_await x) {}", "else co_await x;"]:
            with self.subTest(code):
                self.refuses("await", {"src/net/pump.cpp": "void f() {\n  " + code + "\n}\n"}, "src/net/pump.cpp:2")

    def test_heavy_headers_stay_in_few_files(self):
        few = {f"src/net/part_{n}.cpp": '#include "net/heavy.h"\n' for n in range(7)}
        few["src/net/heavy.h"] = HEADER + "#include <boost/beast/http.hpp>\n"
        self.assertEqual(self.findings(few), [])
        self.refuses("heavy", {**few, "tests/server/client.cpp": "#include <boost/asio.hpp>\n"})

    def test_toml_and_cli11_stay_where_they_are_at_home(self):
        self.refuses("toml", {"src/engine/tree.cpp": "#include <toml++/toml.h>\n"})
        self.assertEqual(self.findings({"src/net/config.cpp": "#include <toml++/toml.h>\n"}), [])
        self.refuses("cli11", {"src/net/options.cpp": "#include <CLI/CLI.hpp>\nvoid domain(int);\n"})

    def test_no_test_sleeps(self):
        self.refuses("sleep", {"src/engine/tree_test.cpp": "std::this_thread::sleep_for(1s);\n"})
        self.refuses("sleep", {"tests/server/lock.cpp": "usleep(5);\n"})

    def test_headers_begin_with_their_purpose(self):
        self.refuses("header", {"src/base/id.h": "// One.\n#pragma once\n"}, "src/base/id.h:1")
        short = "#pragma once\n\n#include <map>\n\n// One.\n"
        self.refuses("essay", {"src/base/id.h": short}, "src/base/id.h:2")
        self.assertEqual(self.findings({"src/base/fake_test.h": "#pragma once\n"}), [])

    def test_nothing_is_left_unfinished(self):
        for mark in ["// TO" + "DO: later\n", "// FIX" + "ME\n"]:
            self.refuses("unfinished", {"src/base/id.cpp": "\n" + mark}, "src/base/id.cpp:2")
        self.assertEqual(self.findings({"src/base/id.cpp": "int todo_rows; // to-do\n"}), [])

    def test_files_have_an_end(self):
        self.refuses("long", {"src/base/id.cpp": "\n" * 801}, "src/base/id.cpp:801")
        self.refuses("long", {"tests/server/a_test.cpp": "\n" * 801})
        self.assertEqual(self.findings({"src/base/id.cpp": "\n" * 800, "catalog/erp.toml": "\n" * 3000}), [])

    def test_functions_fit_a_screen(self):
        body = "  n();\n" * 69
        self.assertEqual(self.findings({"src/base/id.cpp": "void f() {\n" + body[7:] + "}\n"}), [])
        for start, indent in [("void f() {\n", ""), ("auto X::f(int a,\n          int b) const {\n", ""),
                              ("TEST(Id, is_one) {\n", ""), ("namespace hf {\nvoid f() {\n", ""),
                              ("struct S : T {\n  S(int a)\n      : a_(a) {\n", "  "),
                              ("class C {\n public:\n  struct D {\n    void f() {\n", "    ")]:
            with self.subTest(start):
                code = start + body + indent + "}\n" + ("};\n" if indent else "") + ("};\n" if len(indent) > 2 else "")
                self.refuses("long", {"src/base/id.cpp": code + ("}  // namespace hf\n" if "namespace" in start else "")})
        whole = "".join(f"void f{n}() {{\n{body[7:]}}}\n" for n in range(3))
        self.assertEqual(self.findings({"src/base/id.cpp": "namespace hf {\n" + whole + "}  // namespace hf\n"}), [])
        table = "constexpr int table[] = {\n" + "    1,\n" * 90 + "};\n"
        self.assertEqual(self.findings({"src/base/id.cpp": table}), [], "what is listed is no function")

    def test_what_was_too_long_may_only_shrink(self):
        code = {"src/base/id.cpp": "\n" * 900 + "void f() {\n" + "  n();\n" * 98 + "}\n"}
        listed = "1000 src/base/id.cpp\n100 src/base/id.cpp:f  # some day\n"
        self.assertEqual(self.findings({**code, "tests/tidy/too_long.txt": listed}), [])
        for less in [listed.replace("1000", "999"), listed.replace("100 ", "99 "), listed.partition("\n")[2]]:
            with self.subTest(less):
                self.refuses("long", {**code, "tests/tidy/too_long.txt": less}, "src/base/id.cpp")
        self.refuses("long", {"src/base/id.cpp": "void f() {\n}\n", "tests/tidy/too_long.txt": "100 src/base/id.cpp:f\n"},
                     "tests/tidy/too_long.txt:1")

    def test_code_of_others_stays_outside(self):
        self.refuses("foreign", {"third_party/json/json.h": "#pragma once\n"}, "third_party:1")
        self.refuses("foreign", {"src/base/vendor/a.cpp": "\n"}, "src/base/vendor:1")
        fetch = "include(FetchContent)\nFetchContent_Declare(json)\n"
        self.refuses("foreign", {"cmake/Json.cmake": fetch}, "cmake/Json.cmake:2")

    def test_what_cannot_be_read_is_no_success(self):
        with self.assertRaises(tidy.CannotCheck):
            self.findings({"docs/architecture.md": "nothing\n"})
        with self.assertRaises(tidy.CannotCheck):
            self.findings({}, uses="")


class SentencesTest(unittest.TestCase):
    TABLE = {"src/base/chinese/a.def": 'HF_SENTENCE("The bill {} is gone.", "单据 {} 已不存在。")\nHF_SENTENCE("Held.", "已锁定。")\n'}

    def found(self, path, code):
        return list(sentences.findings({**self.TABLE, path: code}))

    def test_a_sentence_without_chinese_is_found_and_one_with_it_is_not(self):
        self.assertEqual(self.found("src/wire/a.cpp", 'fail(c, "The bill " + id + " is gone.");'), [])
        self.assertEqual(self.found("src/wire/a.cpp", 'fail(c, "The bill "\n     "was moved.");'),
                         ["src/wire/a.cpp:1: no Chinese: The bill was moved."])

    def test_what_goes_through_tr_is_known_whole(self):
        self.assertEqual(self.found("apps/holdfast/a.cpp", 'say(tr("Held."));'), [])
        self.assertEqual(self.found("apps/holdfast/a.cpp", 'say(tr("Hel"));'), ["apps/holdfast/a.cpp:1: no Chinese: Hel"])

    def test_what_is_printed_goes_through_tr(self):
        self.assertEqual(self.found("apps/holdfast/a.cpp", 'say("The bill " + id + " is gone.");')[0],
                         "apps/holdfast/a.cpp:1: not through tr(): The bill ")

    def test_logs_comments_and_statements_of_databases_are_not_for_people(self):
        code = '// of no concern here\nlog(x, "some thing is wrong");\ndb.run("SELECT a FROM b");\n'
        self.assertEqual(self.found("src/server/a.cpp", code), [])


if __name__ == "__main__":
    unittest.main()
