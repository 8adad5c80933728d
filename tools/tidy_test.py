#!/usr/bin/env python3
"""Tests of tools/tidy.py: each rule catches its breach and lets the clean text pass."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import include_order  # noqa: E402
import tidy  # noqa: E402
from rules import documents, layers, texts  # noqa: E402
from rules.source import Source  # noqa: E402

ROOT = pathlib.Path("/srv/checkout")
OPEN = "TO" + "DO"
PRAGMA = "#pragma once\n"


def rules(**files):
    """The rules that a tree of these files breaks; keys are paths with __ for / and _ for ."""
    return {finding.rule for finding in findings({spell(key): text for key, text in files.items()})}


def spell(key):
    path = key.replace("__", "/")
    stem, _, ending = path.rpartition("_")
    return f"{stem}.{ending}"


def findings(files):
    sources = {path: Source(path, text) for path, text in files.items()}
    found = layers.check(sources)
    for source in sources.values():
        found += tidy.check_file(source, texts.machine_path(ROOT))
        if source.path.endswith(".md"):
            found += documents.check(source, sources, lambda path: path in sources)
    return found


class Rows(unittest.TestCase):
    """Each row: rule, file, a text that breaks it, a text that does not."""

    ROWS = (
        ("layers", "core__a_hpp", PRAGMA + '#include "tidemark/codec/b.hpp"\n',
         PRAGMA + '#include "tidemark/core/b.hpp"\n'),
        ("layers", "async__a_cpp", '#include "tidemark/observability/log.hpp"\n',
         '#include "tidemark/core/ids.hpp"\n'),
        ("layers", "runtime__a_cpp", '#include "tidemark/http/server.hpp"\n',
         '#include "tidemark/eventbus/event_bus.hpp"\n'),
        ("layers", "runtime__a_cpp", '#include "tidemark/eventstore/memory_event_store.hpp"\n',
         '#include "tidemark/eventstore/event_store.hpp"\n'),
        ("layers", "sagas__a_cpp", '#include "tidemark/eventbus/kafka_event_bus.hpp"\n',
         '#include "tidemark/runtime/store.hpp"\n'),
        ("layers", "testing__a_cpp", '#include "tidemark/eventstore/sqlite_event_store.hpp"\n',
         '#include "tidemark/eventstore/memory_event_store.hpp"\n'),
        ("layers", "core__a_cpp", '#include "tidemark/codec/b.hpp"\n',
         '// #include "tidemark/codec/b.hpp"\nauto s = R"(\n#include "tidemark/http/b.hpp"\n)";\n'),
        ("library", "core__a_cpp", "#include <boost/asio/post.hpp>\n",
         "#include <boost/container/small_vector.hpp>\n"),
        ("library", "core__a_cpp", "#include <boost/url/url.hpp>\n",
         "#include <boost/describe.hpp>\n"),
        ("library", "http__a_cpp", "#include <boost/asio.hpp>\n",
         "#include <boost/asio/post.hpp>\n"),
        ("library", "runtime__a_cpp", "#include <boost/beast/core.hpp>\n",
         "#include <boost/asio/post.hpp>\n"),
        ("library", "codec__a_cpp", "#include <boost/json/src.hpp>\n",
         "#include <boost/json/value.hpp>\n"),
        ("library", "eventstore__postgres_a_hpp", PRAGMA + "#include <pqxx/pqxx>\n",
         PRAGMA + "#include <string>\n"),
        ("library", "eventstore__event_store_cpp", "#include <sqlite3.h>\n", "#include <string>\n"),
        ("library", "observability__log_hpp", PRAGMA + "#include <spdlog/spdlog.h>\n",
         PRAGMA + "#include <string>\n"),
        ("library", "runtime__timers_cpp", "#include <toml++/toml.h>\n", "#include <string>\n"),
        ("heavy-header", "async__a_hpp", PRAGMA + "#include <filesystem>\n",
         PRAGMA + "#include <iosfwd>\n"),
        ("include-form", "core__a_cpp", '#include "ids.hpp"\n',
         '#include "tidemark/core/ids.hpp"\n'),
        ("include-form", "core__a_cpp", "#include <tidemark/core/ids.hpp>\n",
         "#include <string>\n"),
        ("include-order", "core__a_cpp",
         '#include "tidemark/core/b.hpp"\n#include "tidemark/core/a.hpp"\n',
         '#include "tidemark/core/a.hpp"\n#include "tidemark/core/b.hpp"\n'),
        ("include-order", "core__a_hpp",
         PRAGMA + '#include <string>\n#include "tidemark/core/b.hpp"\n',
         PRAGMA + '#include "tidemark/core/b.hpp"\n#include <boost/mp11.hpp>\n#include <string>\n'),
        ("pragma-once", "core__a_hpp", "// why\n#include <string>\n", "// why\n" + PRAGMA),
        ("detached", "async__a_cpp", "void f() { co_spawn(e, g(), detached); }\n",
         "// never detached\nvoid f() { co_spawn(e, g(), token); }\n"),
        ("sleep", "async__a_cpp", "void f() { std::this_thread::sleep_for(1s); }\n",
         'void f() { print("sleep_for"); }\n'),
        ("clock", "runtime__a_cpp", "auto f() { return std::chrono::system_clock::now(); }\n",
         "auto f(clock& c) { return c.now(); }\n"),
        ("random", "runtime__a_cpp", "void f() { std::random_device d; }\n",
         "void f(random_source& r) { r.next(); }\n"),
        ("random", "runtime__a_cpp", "int f() { return rand(); }\n",
         "int f() { return it.rand(); }\n"),
        ("dynamic-cast", "core__a_cpp", "auto f(a* x) { return dynamic_cast<b*>(x); }\n",
         "auto f(a* x) { return static_cast<b*>(x); }\n"),
        ("macros", "runtime__a_cpp", "#define TRY(x) x\n", "#define DOCTEST_CONFIG_IMPLEMENT\n"),
        ("macros", "core__message_hpp", PRAGMA + "#define TIDEMARK_OTHER(x) x\n",
         PRAGMA + "#define TIDEMARK_MESSAGE(x) x\n#define TIDEMARK_DETAIL_FIELD(x) x\n"),
        ("using-namespace", "core__a_hpp", PRAGMA + "using namespace std;\n",
         PRAGMA + "using std::string;\n"),
        ("open-end", "core__a_cpp", f"// {OPEN}: later\n", f"// {OPEN}(#12): later\n"),
        ("line-length", "core__a_cpp", "//" + "x" * 99 + "\n", "//" + "ä" * 98 + "\n"),
        ("file-length", "core__a_cpp", "\n" * 401, "\n" * 400),
        ("file-length", "core__a_test_cpp", "\n" * 501, "\n" * 500),
        ("function-length", "core__a_cpp", "void f() {\n" + "g();\n" * 61 + "}\n",
         "namespace a {\n" + "void f() {\n" + "g();\n" * 60 + "}\n" * 2 + "\n" * 70),
        ("function-length", "core__a_cpp", "a::a() : b_{1}, c_{2} {\n" + "g();\n" * 61 + "}\n",
         "struct a {\n" + "int f() { return 1; }\n" * 61 + "};\n"),
        ("function-length", "core__a_test_cpp", 'TEST_CASE("a: b") {\n' + "g();\n" * 61 + "}\n",
         'TEST_CASE("a: b") {\n' + "g();\n" * 60 + "}\n"),
        ("function-length", "tools__a_py", "def f():\n" + "    g()\n" * 61,
         "def f():\n" + "    g()\n" * 60),
        ("registry", "docs__a_md", "# A\n" + ".".join(("deb", "debian", "org")) + "\n", "# A\n"),
        ("machine-path", "docs__a_md", "# A\n/ho" "me/ada/x\n", "# A\n/usr/bin/env, /api/home/x\n"),
        ("machine-path", "dev_sh", "cd /srv/checkout/core\n", "cd core\n"),
        ("title", "docs__a_md", "text\n", "# A\n```sh\n# comment\n```\n"),
        ("title", "docs__a_md", "# A\n# B\n", "# A\n## B\n"),
        ("link", "docs__a_md", "# A\n[b](b.md)\n", "# A\n[a](a.md) [s](https://example.org)\n"),
        ("link", "docs__a_md", "# A\n[b](#nowhere)\n", "# A\n[b](#two-words)\n## Two words\n"),
        ("names", "core__a_cpp", "struct event_helper {};\n", "struct event_queue {};\n"),
        ("names", "core__a_cpp", "void do_it();\n", "void undo_it();\n"),
        ("names", "core__a_cpp", "int f(int new_value);\n",
         "int f(int renewed) { return a.data(); }\n"),
        ("names", "core__a_cpp", "int account2 = 1;\n", "double log2(double x); int x32 = 1;\n"),
        ("names", "core__a_cpp", "namespace common {}\n", "namespace commonly {}\n"),
        ("names", "core__a_cpp", "struct AccountState {};\n",
         "template <class Command> struct account_state {};\n"),
        ("names", "core__a_cpp", "void loadState(int x);\n", "void load_state(int x);\n"),
        ("names", "runtime__a_cpp", "void f(int handler);\n",
         "#include <boost/asio/post.hpp>\nvoid f(int handler);\n"),
        ("names", "tools__a_py", "def run_misc():\n    pass\n", "def run():\n    misc = 1\n"),
    )

    def test_each_rule_catches_its_breach_and_passes_the_clean_text(self):
        for rule, key, breach, clean in self.ROWS:
            with self.subTest(rule=rule, breach=breach[:80]):
                self.assertIn(rule, rules(**{key: breach}))
            with self.subTest(rule=rule, clean=clean[:80]):
                self.assertNotIn(rule, rules(**{key: clean}))


class FileNames(unittest.TestCase):
    def test_a_banned_word_in_a_path_is_caught(self):
        for path in ("core/event_manager.cpp", "core/util/a.cpp", "docs/misc.md"):
            with self.subTest(path=path):
                self.assertIn("names", {f.rule for f in findings({path: "# A\n"})})

    def test_a_word_that_only_contains_a_banned_one_passes(self):
        self.assertNotIn("names", {f.rule for f in findings({"core/database.cpp": ""})})


class DomainReach(unittest.TestCase):
    MESSAGE = PRAGMA + '#include "tidemark/core/core.hpp"\nTIDEMARK_MESSAGE(a::b, "a.b.v1")\n'

    def test_a_domain_file_that_reaches_a_library_through_others_is_caught_with_the_way(self):
        found = [f for f in findings({
            "examples/bank/account.hpp": self.MESSAGE,
            "core/core.hpp": PRAGMA + '#include "tidemark/codec/json_codec.hpp"\n',
            "codec/json_codec.hpp": PRAGMA + "#include <boost/json/value.hpp>\n",
        }) if f.rule == "domain-reach"]
        self.assertEqual({"core/core.hpp", "examples/bank/account.hpp"}, {f.path for f in found})
        self.assertIn("core/core.hpp → codec/json_codec.hpp → boost/json/value.hpp",
                      found[-1].message)

    def test_a_domain_file_that_reaches_another_module_is_caught(self):
        header = self.MESSAGE.replace("core/core", "runtime/store")
        self.assertIn("domain-reach", rules(examples__bank__account_hpp=header))

    def test_an_example_that_is_no_domain_file_may_reach_everything(self):
        header = PRAGMA + '#include "tidemark/runtime/store.hpp"\n'
        self.assertNotIn("domain-reach", rules(examples__bank__wiring_hpp=header))


class AwaitRule(unittest.TestCase):
    CLEAN = (
        "co_await f(x);",
        "(void)co_await f(x);",
        "auto r = co_await f(x);",
        "const std::map<int, int> r = co_await f(x);",
        "auto& r = co_await f(x);",
        "auto [ec, n] = co_await f(x);",
        "[[maybe_unused]] const auto r = co_await f(x);",
        "if (auto r = co_await f(x); !r) { g(); }",
        "if (a) co_await f(x); else co_await g(x);",
        "for (int i = 0; i < 3; ++i) co_await f(i);",
        "switch (a) { case one: co_await f(x); break; default: co_return co_await g(x); }",
        "co_return co_await f(x);",
        "co_await (std::move(a) && std::move(b));",
        "co_spawn(e, [x]() -> awaitable<void> { co_await f(x); }, token);",
        "gate.spawn([this, x]() -> awaitable<void> { co_return; });",
        "auto g = [](int y) -> awaitable<result<int, int>> { co_return co_await f(y); };",
        "auto g = [x] { return x; }; auto r = co_await f(a[0]);",
        "auto g = [x] { auto l = []() -> awaitable<void> { co_return; }; return l; };",
        'print("co_await f({1})"); // co_await f({1})',
        "{ auto a = agg{1}; co_await f(std::move(a)); }",
    )
    BREACHES = (
        ("await", "co_await f(agg{1});"),
        ("await", "co_await f({a, b});"),
        ("await", "auto r = co_await f({.x = 1});"),
        ("await", "co_await f([x] { return x; });"),
        ("await", "co_await co_spawn(e, [x]() -> awaitable<void> { co_return; }, token);"),
        ("await", "agg x{a, co_await f()};"),
        ("await", "auto x = agg(co_await f());"),
        ("await", "x = co_await f();"),
        ("await", "this->x_ = co_await f();"),
        ("await", "a[0] = co_await f();"),
        ("await", "auto x = a, y = co_await f();"),
        ("await", "co_return agg{1, co_await f()};"),
        ("await", "auto x = b ? co_await f() : 1;"),
        ("await", "auto x = co_await f() ? 1 : 2;"),
        ("await", "CHECK(co_await f());"),
        ("await", "g(co_await f(), 1);"),
        ("await", "while (co_await f()) g();"),
        ("await", "if (co_await f(x)) { g(); }"),
        ("await", "if (!co_await f(x)) g(1);"),
        ("await", "for (auto x : co_await f()) g();"),
        ("await", "if (a && co_await f()) g();"),
        ("await", "auto x = (co_await f()).value();"),
        ("await", "a[co_await f()];"),
        ("await-lambda", "auto g = [x]() -> awaitable<void> { co_await f(x); };"),
        ("await-lambda", "auto g = [&] { co_return; };"),
        ("await-lambda", "run([this](int y) -> awaitable<int> { co_return co_await f(y); });"),
        ("await-lambda", "auto g = [] { auto l = [y]() -> awaitable<void> { co_return; }; };"),
    )

    @staticmethod
    def wrapped(text):
        return "awaitable<void> run(int x) {\n    " + text + "\n}\n"

    def test_what_stands_alone_passes(self):
        for text in self.CLEAN:
            with self.subTest(text=text):
                broken = rules(async__a_cpp=self.wrapped(text))
                self.assertFalse(broken & {"await", "await-lambda"}, broken)

    def test_what_does_not_stand_alone_is_caught(self):
        for rule, text in self.BREACHES:
            with self.subTest(text=text):
                self.assertIn(rule, rules(async__a_cpp=self.wrapped(text)))

    def test_the_finding_names_the_line(self):
        text = "awaitable<void> f() {\n    auto a = 1;\n    co_await g({a});\n}\n"
        found = [f for f in findings({"async/a.cpp": text}) if f.rule == "await"]
        self.assertEqual([3], [f.line for f in found])


class IncludeOrder(unittest.TestCase):
    def test_includes_are_put_in_order_and_stay_so(self):
        text = ('#include "tidemark/core/a.hpp"\n\n#include <string>\n#include <sqlite3.h>\n\n'
                '#include "tidemark/core/b.hpp"\n\nint x;\n')
        wanted = ('#include "tidemark/core/a.hpp"\n\n#include "tidemark/core/b.hpp"\n\n'
                  '#include <sqlite3.h>\n\n#include <string>\n\nint x;\n')
        self.assertEqual(wanted, include_order.ordered(Source("core/a.cpp", text)))
        self.assertEqual(wanted, include_order.ordered(Source("core/a.cpp", wanted)))

    def test_a_run_ends_at_a_condition(self):
        text = '#include <string>\n#ifdef A\n#include "tidemark/core/b.hpp"\n#endif\n'
        self.assertEqual(text, include_order.ordered(Source("core/c.cpp", text)))


if __name__ == "__main__":
    unittest.main()
