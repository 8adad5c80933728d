#!/usr/bin/env python3
"""Tests of tools/snippets.py."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import snippets  # noqa: E402

SOURCE = """int before;
    // [open]
    int a;
        // [inner]
        int b;
        // [/inner]
    // [/open]
// [endless]
"""


class Snippets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "examples").mkdir()
        (self.root / "examples/bank_test.cpp").write_text(SOURCE)
        (self.root / "examples/loose.cpp").write_text(SOURCE)
        (self.root / "examples/meson.build").write_text(
            "# it's\nfind_program('../tests/' + 'a')\nforeach name : ['bank']\nendforeach\n")

    def page(self, mark, body, language="cpp"):
        return f"# A\n\n{mark}\n```{language}\n{body}\n```\nend\n"

    def problems(self, text):
        return [message for _, message in snippets.renew(self.root, text)[1]]

    def test_a_block_becomes_its_region_without_indentation_and_tags(self):
        old = self.page("<!-- snippet: examples/bank_test.cpp#open -->", "int stale;")
        new = self.page("<!-- snippet: examples/bank_test.cpp#open -->", "int a;\n    int b;")
        self.assertEqual((new, []), snippets.renew(self.root, old))
        self.assertEqual((new, []), snippets.renew(self.root, new))

    def test_a_command_block_is_left_alone(self):
        text = self.page("<!-- command -->", "./dev up", "sh")
        self.assertEqual((text, []), snippets.renew(self.root, text))

    def test_each_mistake_is_told(self):
        mark = "<!-- snippet: examples/{} -->"
        for before, language, message in (
                ("", "cpp", "without its source"),
                ("", "sh", "without its source"),
                ("<!-- command -->", "cpp", "no command"),
                (mark.format("bank_test.cpp#none"), "cpp", "no region 'none'"),
                (mark.format("bank_test.cpp#endless"), "cpp", "never ends"),
                (mark.format("none.cpp#open"), "cpp", "there is no file"),
                (mark.format("loose.cpp#open"), "cpp", "no meson.build compiles")):
            with self.subTest(before=before):
                found = "\n".join(self.problems(self.page(before, "x", language)))
                self.assertRegex(found, message)


if __name__ == "__main__":
    unittest.main()
