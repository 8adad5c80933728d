"""Code that is not written here: sleeps, clocks, macros, casts, long functions."""

import ast
import fnmatch
import re

LINES_MAX = 60
# Where real time and real randomness enter; everything else is handed a port.
ENTROPY_ALLOWED = (
    "async/clock*.cpp", "async/random*.cpp", "async/backoff*.cpp", "async/*_test.cpp",
    "core/ids.cpp", "observability/*.cpp", "http/*_test.cpp", "bench/*", "tests/*", "cli/*.cpp",
    "eventstore/*_test.cpp", "runtime/*_test.cpp",
)
MACROS = frozenset(("TIDEMARK_MESSAGE", "TIDEMARK_STATE", "TIDEMARK_STRUCT", "TIDEMARK_ENUM",
                    "TIDEMARK_VALUE", "TIDEMARK_ASSERT"))
FOREIGN_MACRO = re.compile(r"(DOCTEST_CONFIG|BOOST|TOML|CLI11|SPDLOG|FMT)_\w+$|_GNU_SOURCE$")
PIECE = re.compile(r"TIDEMARK_DETAIL_\w+$")
DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)")
SLEEPS = frozenset(("sleep_for", "sleep_until", "usleep", "nanosleep"))
CLOCKS = frozenset(("system_clock", "steady_clock", "high_resolution_clock"))


def check(source):
    """Findings of one file."""
    if source.path.endswith(".py"):
        return python_functions(source)
    if not source.is_cpp:
        return []
    return words(source) + macros(source) + functions(source)


def words(source):
    findings, tokens = [], source.tokens
    entropy = any(fnmatch.fnmatch(source.path, pattern) for pattern in ENTROPY_ALLOWED)
    for index, text in enumerate(tokens.texts):
        if tokens.kinds[index] != "word":
            continue
        remedy = banned(tokens, index, text, entropy)
        if not remedy and text == "namespace" and source.is_header:
            if tokens.text(index - 1) == "using":
                remedy = ("using-namespace", "a header opens no namespace for its readers")
        if remedy:
            findings.append(source.finding(tokens.lines[index], *remedy))
    return findings


def banned(tokens, index, text, entropy):
    """(rule, message) when the word at `index` is not to be written, else None."""
    after = tokens.text(index + 1)
    if text == "detached":
        return "detached", "every spawn is under a gate: detached is banned"
    if text in SLEEPS:
        return "sleep", f"{text}: wait for the thing itself, on a clock that is handed in"
    if text == "dynamic_cast":
        return "dynamic-cast", "std::variant and overloads, never dynamic_cast"
    if entropy:
        return None
    if text in CLOCKS and after == "::" and tokens.text(index + 2) == "now":
        return "clock", f"{text}::now: take the clock that is handed in (async/clock.hpp)"
    if text == "random_device" or (text in ("rand", "srand") and after == "("):
        if tokens.text(index - 1) not in (".", "->"):
            return "random", f"{text}: take the random source that is handed in"
    return None


def macros(source):
    findings = []
    for line, text in source.directives:
        match = DEFINE.match(text)
        if not match:
            continue
        name = match.group(1)
        in_core = source.module == "core" and (name in MACROS or PIECE.match(name))
        if not in_core and not FOREIGN_MACRO.match(name):
            findings.append(source.finding(line, "macros",
                f"{name}: no macros but {', '.join(sorted(MACROS))} and their TIDEMARK_DETAIL_ "
                "pieces in core"))
    return findings


def functions(source):
    """C++ functions and test cases of more than LINES_MAX lines."""
    findings, tokens, start, at = [], source.tokens, 0, 0
    while at < len(tokens):
        text = tokens.texts[at]
        if text in (";", "}"):
            start = at + 1
        elif text == "(":
            at = tokens.partner.get(at, at)
        elif text == "{":
            closing = tokens.partner.get(at, len(tokens) - 1)
            head = tokens.texts[start:at]
            if is_member_value(head):
                at = closing
            elif is_function(head):
                length = tokens.lines[closing] - tokens.lines[at] - 1
                if length > LINES_MAX:
                    findings.append(source.finding(tokens.lines[start], "function-length",
                        f"{length} lines; a function has at most {LINES_MAX}"))
                at, start = closing, closing + 1
            else:
                start = at + 1
        at += 1
    return findings


def is_function(head):
    """Whether the tokens before a `{` are a function's head rather than a type's or a scope's."""
    # A macro without a semicolon may stand before a type: what follows its `)` is the head.
    last = len(head) - 1 - head[::-1].index(")") if ")" in head else -1
    if head[last + 1:last + 2] and head[last + 1] in ("struct", "class", "enum", "union"):
        return False
    if "(" not in head or "=" in head[:head.index("(")]:
        return False
    return not {"namespace", "class", "struct", "union", "enum"} & set(head[:head.index("(")])


def is_member_value(head):
    """Whether the `{` behind `head` opens a member's value in a constructor's list."""
    if not head or not (head[-1] == ">" or head[-1].isidentifier()):
        return False
    if "(" not in head or ")" not in head:
        return False
    return ":" in head[head.index(")"):]


def python_functions(source):
    try:
        tree = ast.parse(source.text)
    except SyntaxError as error:
        return [source.finding(error.lineno or 1, "python-syntax", str(error.msg))]
    findings = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno
            if length > LINES_MAX:
                findings.append(source.finding(node.lineno, "function-length",
                    f"{node.name}: {length} lines; a function has at most {LINES_MAX}"))
    return findings
