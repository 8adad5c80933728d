"""Names: the banned words, snake_case, in what a file declares and how it is called."""

import re

BANNED = frozenset((
    "manager", "managers", "helper", "helpers", "util", "utils", "common", "misc", "base",
    "processor", "processors", "service", "services", "data", "info", "handler", "handlers",
    "impl", "my", "new", "2"))
# Names other libraries give a meaning to: ranges ask for data(), loggers have the level info.
CUSTOMARY = frozenset(("data", "info"))
KNOWN = re.compile(
    r"(^log|^exp|^http|^h)2$|completion_?handler|^build_info$|^new_(event|effect|timer)$",
    re.IGNORECASE)
TYPE_WORDS = frozenset(("class", "struct", "enum", "union", "concept", "namespace"))
NOT_A_TYPE = frozenset((
    "return", "co_return", "co_await", "co_yield", "throw", "else", "case", "goto", "new",
    "delete", "sizeof", "typename", "template", "operator", "not", "and", "or", "using", "public",
    "private", "protected", "default", "do", "final", "override", "noexcept", "friend", "if",
    "requires"))
ENDS_A_NAME = frozenset(("=", ";", "{", ",", ")", ":", "["))
SCRIPT_NAME = re.compile(r"^\s*(?:def|class|function|async function)\s+(\w+)", re.MULTILINE)


def words(name):
    """The words of a snake_case or CamelCase name, in lower case; a trailing 2 is a word."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")
    return [word for part in parts for word in re.sub(r"(?<=[a-z])2$", "_2", part).split("_")]


def banned_word(name):
    """The banned word in `name`, or None."""
    if KNOWN.search(name):
        return None
    parts = [part for part in words(name) if part]
    if parts[:1] == ["do"] and len(parts) > 1:
        return "do_"
    return next((part for part in parts if part in BANNED), None)


def check(source):
    """Findings about the file's own name and the names it declares."""
    findings = file_name(source)
    if source.is_cpp:
        findings += declared_names(source)
    elif source.path.endswith((".py", ".mjs", ".js")):
        for match in SCRIPT_NAME.finditer(source.text):
            word = banned_word(match.group(1))
            if word:
                line = source.text.count("\n", 0, match.start(1)) + 1
                findings.append(source.finding(line, "names", message(match.group(1), word)))
    return findings


def message(name, word):
    return f"{name}: '{word}' says nothing; name what the thing is or does"


def file_name(source):
    for part in re.split(r"[/.\-]", source.path):
        word = banned_word(part) if part else None
        if word:
            return [source.finding(1, "names", message(part, word))]
    return []


def declared_names(source):
    findings, tokens = [], source.tokens
    # Asio's word for what a completion calls.
    asio = any(include.name.startswith("boost/asio/") for include in source.includes)
    for index, kind in enumerate(tokens.kinds):
        if kind != "word":
            continue
        name, declares = tokens.texts[index], declaration(tokens, index)
        if not declares:
            continue
        word = banned_word(name)
        if word == "handler" and asio:
            continue
        if word and not (name in CUSTOMARY and declares == "function"):
            findings.append(source.finding(tokens.lines[index], "names", message(name, word)))
        if declares in ("type", "function") and re.search(r"[A-Z]", name) and not name.isupper():
            findings.append(source.finding(tokens.lines[index], "names",
                f"{name}: types and functions are written in snake_case"))
    return findings


def declaration(tokens, index):
    """What the word at `index` declares: 'type', 'function', 'variable', or None."""
    before, after = tokens.text(index - 1), tokens.text(index + 1)
    if before in TYPE_WORDS and tokens.text(index - 2) != "friend":
        if before in ("class", "struct", "union") and after not in ("{", ":", "final"):
            return None
        return "type"
    if before == "using" and after == "=":
        return "type" if tokens.text(index - 2) != ">" else None
    if tokens.kinds[index - 1 if index else 0] == "word":
        if before in NOT_A_TYPE:
            return None
    elif before not in (">", "*", "&", "&&"):
        return None
    elif tokens.text(index - 2) in ("(", ",", "=", "return", "{"):
        return None
    if after == "(":
        return function_or_call(tokens, index, before)
    return "variable" if after in ENDS_A_NAME else None


def function_or_call(tokens, index, before):
    """`type name(` declares; `a * name(` and `TIDEMARK_MESSAGE(` do not."""
    if tokens.texts[index].isupper() or before in ("*", "&", "&&", ">"):
        closing = tokens.partner.get(index + 1)
        behind = tokens.text(closing + 1) if closing is not None else ""
        if tokens.texts[index].isupper() or behind not in ("{", "const", "noexcept", "override"):
            return None
    return "function"
