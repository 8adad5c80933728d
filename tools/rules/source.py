"""Files as the rules see them: text, lines, and C++ tokens without comments."""

import bisect
import functools
import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|\\\n)
  | (?P<raw>(?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>::|->|\.\.\.|&&|\|\||==|!=|<=|>=|\+=|-=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|//[^\n]*|/\*.*?\*/|[^\n])*", re.MULTILINE | re.DOTALL)
RAW_STRING = re.compile(r'R"([^()\\\s]{0,16})\(.*?\)\1"', re.DOTALL)
INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')
CLOSING = {"(": ")", "[": "]", "{": "}"}
OPENING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Finding:
    """One breach of one rule; printed as `file:line: rule: message`."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Tokens:
    """The tokens of a C++ file: parallel lists of texts, kinds and line numbers."""

    def __init__(self, text):
        self.texts, self.kinds, self.lines = [], [], []
        line_starts = [match.end() for match in re.finditer("\n", text)]
        for match in TOKEN.finditer(text):
            kind = match.lastgroup
            if kind == "fence":
                kind = "raw"
            if kind == "skip":
                continue
            self.texts.append(match.group())
            self.kinds.append(kind)
            self.lines.append(bisect.bisect_right(line_starts, match.start()) + 1)

    def __len__(self):
        return len(self.texts)

    @functools.cached_property
    def partner(self):
        """For every bracket the index of its counterpart; brackets without one are missing."""
        partners, open_ones = {}, []
        for index, text in enumerate(self.texts):
            if self.kinds[index] != "sign":
                continue
            if text in CLOSING:
                open_ones.append(index)
            elif text in OPENING:
                while open_ones and self.texts[open_ones[-1]] != OPENING[text]:
                    open_ones.pop()
                if open_ones:
                    other = open_ones.pop()
                    partners[index], partners[other] = other, index
        return partners

    def text(self, index):
        """The token at `index`, or an empty text outside the file."""
        return self.texts[index] if 0 <= index < len(self.texts) else ""


@dataclass(frozen=True)
class Include:
    """One #include directive."""

    line: int
    name: str
    quoted: bool


class Source:
    """A tracked file: its path relative to the root, with '/' between the parts."""

    def __init__(self, path, text):
        self.path, self.text = path, text

    @functools.cached_property
    def lines(self):
        return self.text.split("\n")

    @property
    def folder(self):
        return self.path.rpartition("/")[0]

    @property
    def module(self):
        return self.path.partition("/")[0] if "/" in self.path else ""

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def is_header(self):
        return self.path.endswith(".hpp")

    @property
    def is_test(self):
        name = self.path.rpartition("/")[2]
        return name.endswith("_test.cpp") or name.startswith("test_") or self.module == "tests"

    @functools.cached_property
    def directives(self):
        """Preprocessor directives as (line, text), not those inside raw strings."""
        hidden = [match.span() for match in RAW_STRING.finditer(self.text)]
        found = []
        for match in DIRECTIVE.finditer(self.text):
            if any(start < match.start() < end for start, end in hidden):
                continue
            found.append((self.text.count("\n", 0, match.start()) + 1, match.group()))
        return found

    @functools.cached_property
    def includes(self):
        found = []
        for line, text in self.directives:
            match = INCLUDE.match(text)
            if match:
                found.append(Include(line, match.group(2), match.group(1) == '"'))
        return found

    @functools.cached_property
    def tokens(self):
        """Tokens without directives: those are blanked, so that lines keep their numbers."""
        directives = {text for _, text in self.directives}

        def blank(match):
            whole = match.group()
            return "\n" * whole.count("\n") if whole in directives else whole

        return Tokens(DIRECTIVE.sub(blank, self.text))

    def finding(self, line, rule, message):
        return Finding(self.path, line, rule, message)
