"""The await rule: what g++ 12 destroys twice must not be written."""

from rules.source import CLOSING, OPENING

# Calls that keep the closure alive until its coroutine ends.
SPAWNERS = ("co_spawn", "spawn")
FORMS = ("co_await stands alone: a statement, the initialiser of one variable (also in an if "
         "condition), or co_return co_await f(x)")
COROUTINE_WORDS = ("co_await", "co_return", "co_yield")
AFTER_OPERAND = ("return", "co_return", "co_await", "co_yield", "case", "throw", "else")


def check(source):
    """Findings of one C++ file."""
    if not source.is_cpp or "co_" not in source.text:
        return []
    tokens, findings = source.tokens, []
    for index, text in enumerate(tokens.texts):
        if text == "co_await" and tokens.text(index - 1) != "operator":
            findings += [source.finding(tokens.lines[index], "await", message)
                         for message in await_breaches(tokens, index)]
        elif text == "[" and is_lambda(tokens, index):
            findings += lambda_breaches(source, tokens, index)
    return findings


def await_breaches(tokens, index):
    """Messages about the co_await at `index`: its form, then what stands behind it."""
    messages = []
    if not form_allowed(tokens, index):
        messages.append(FORMS)
    behind = expression_breach(tokens, index)
    if behind:
        messages.append(behind)
    return messages


def expression_breach(tokens, index):
    """What is wrong between co_await and the end of its expression, if anything."""
    depth, at = 0, index + 1
    while at < len(tokens):
        text = tokens.texts[at]
        if text == ";" and depth == 0:
            return None
        if text == "{":
            return "no `{` between co_await and its `;`: name the value first, then std::move it"
        if text == "[" and is_lambda(tokens, at):
            return "no closure between co_await and its `;`: name it first, then std::move it"
        if text == "?":
            return "no co_await under ?:"
        if text in ("(", "["):
            depth += 1
        elif text in (")", "]"):
            depth -= 1
            if depth < 0:
                return None
        elif text == "}":
            return None
        at += 1
    return None


def statement_start(tokens, index):
    """Index of the first token of the statement or bracket that the token at `index` stands in."""
    at = index - 1
    while at >= 0:
        text = tokens.texts[at]
        if text in (")", "]"):
            at = tokens.partner.get(at, 0) - 1
            continue
        if text in ("{", "}", ";", "(", "["):
            break
        at -= 1
    return at + 1


def form_allowed(tokens, index):
    """Whether the co_await at `index` stands in one of the allowed places."""
    start = statement_start(tokens, index)
    boundary = tokens.text(start - 1)
    prefix = tokens.texts[start:index]
    if boundary == "[":
        return False
    enclosing = start - 1 if boundary == "(" else enclosing_condition(tokens, start)
    if enclosing is not None:
        # g++ 12.2 miscompiles a bare one in coroutines without local variables.
        return in_if(tokens, enclosing) and declares_one(prefix)
    prefix = without_controls(tokens, start, index)
    return prefix in ([], ["co_return"], ["(", "void", ")"]) or declares_one(prefix)


def enclosing_condition(tokens, start):
    """The `(` around `; condition` when the text before `start` is such a semicolon, or None."""
    if tokens.text(start - 1) != ";":
        return None
    at = start - 2
    while at >= 0:
        text = tokens.texts[at]
        if text in OPENING and text != "}":
            at = tokens.partner.get(at, 0) - 1
            continue
        if text in ("{", "}", ";"):
            return None
        if text == "(":
            return at
        at -= 1
    return None


def in_if(tokens, paren):
    return tokens.text(paren - 1) == "if"


def without_controls(tokens, start, index):
    """The statement's tokens before `index`, behind its labels, attributes and `if (...)`."""
    at = start
    while at < index:
        text = tokens.texts[at]
        if text in ("else", "do"):
            at += 1
        elif text in ("if", "for", "while", "switch"):
            at += 2 if tokens.text(at + 1) == "constexpr" else 1
            at = tokens.partner.get(at, index) + 1
        elif text == "[" and tokens.text(at + 1) == "[":
            at = tokens.partner.get(at, index) + 1
        elif text in ("case", "default"):
            while at < index and tokens.texts[at] != ":":
                at += 1
            at += 1
        else:
            break
    return tokens.texts[at:index]


def declares_one(prefix):
    """Whether `prefix` is `type name =`, the beginning of one variable's initialiser."""
    if len(prefix) < 3 or prefix[-1] != "=" or prefix[0] in ("*", "&", "(", "this", "co_return"):
        return False
    if any(sign in prefix[:-1] for sign in (".", "->", "=", "?", "(")):
        return False
    before = prefix[:-1]
    if before[-1] == "]":
        return "auto" in before[:3]
    if any(sign == "," for sign in outside_angles(before)):
        return False
    return before[-2] in (">", "&", "*", "&&") or before[-2].isidentifier()


def outside_angles(texts):
    """Those of `texts` that stand outside <...>."""
    depth = 0
    for text in texts:
        if text == "<":
            depth += 1
        elif text == ">":
            depth -= 1
        elif depth == 0:
            yield text


def is_lambda(tokens, index):
    """Whether the `[` at `index` opens a lambda's captures, not a subscript or an attribute."""
    if tokens.text(index + 1) == "[" or tokens.text(index - 1) == "[":
        return False
    before, kind = tokens.text(index - 1), tokens.kinds[index - 1] if index else ""
    if before in AFTER_OPERAND:
        return True
    if kind in ("word", "string", "raw") or before in (")", "]", "&", "&&"):
        return before in ("&", "&&") and is_expression_before(tokens, index)
    return True


def is_expression_before(tokens, index):
    """`auto& [a, b]` binds; `x && [&] {...}()` is a lambda."""
    return "auto" not in tokens.texts[max(0, index - 3):index]


def lambda_body(tokens, index):
    """Range of the body of the lambda whose captures open at `index`, or None."""
    at = tokens.partner.get(index)
    if at is None:
        return None
    at, angles = at + 1, 0
    while at < len(tokens):
        text = tokens.texts[at]
        if text == "{":
            return at, tokens.partner.get(at, len(tokens) - 1)
        if text == "<":
            angles += 1
        elif text == ">":
            angles -= 1
        elif text == "(":
            at = tokens.partner.get(at, len(tokens))
        elif text in (";", ")", "]", "}") or (text == "," and angles <= 0):
            return None
        at += 1
    return None


def is_coroutine(tokens, body):
    """Whether the body itself, not a lambda inside it, awaits, yields or returns as a coroutine."""
    at, end = body[0] + 1, body[1]
    while at < end:
        if tokens.texts[at] in COROUTINE_WORDS:
            return True
        if tokens.texts[at] == "[" and is_lambda(tokens, at):
            inner = lambda_body(tokens, at)
            if inner:
                at = inner[1]
        at += 1
    return False


def callee(tokens, index):
    """Name of the call whose argument list directly holds the token at `index`, or ''."""
    at = index - 1
    while at >= 0:
        text = tokens.texts[at]
        if text in OPENING:
            at = tokens.partner.get(at, 0) - 1
            continue
        if text == "(":
            return tokens.text(at - 1)
        if text in CLOSING or text == ";":
            return ""
        at -= 1
    return ""


def lambda_breaches(source, tokens, index):
    """A capturing lambda that is a coroutine dies before its coroutine does, unless spawned."""
    if tokens.text(index + 1) == "]":
        return []
    body = lambda_body(tokens, index)
    if not body or not is_coroutine(tokens, body) or callee(tokens, index) in SPAWNERS:
        return []
    return [source.finding(tokens.lines[index], "await-lambda",
        "a capturing lambda is a coroutine only as the argument of co_spawn in its own statement: "
        "make it a function, or pass what it captures as parameters")]
