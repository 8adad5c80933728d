"""Which module may include what, and how an include is written."""

import re

EVERYTHING = ("core", "codec", "observability", "async", "eventstore", "eventbus", "runtime",
              "sagas", "testing", "http", "cli", "console", "examples", "bench", "tests")
MAY_INCLUDE = {
    "core": (),
    "codec": EVERYTHING[:1],
    "observability": EVERYTHING[:1],
    "async": EVERYTHING[:1],
    "eventstore": EVERYTHING[:4],
    "eventbus": EVERYTHING[:5],
    "runtime": EVERYTHING[:6],
    "sagas": EVERYTHING[:7],
    "testing": EVERYTHING[:8],
    "http": EVERYTHING[:8],
    "cli": EVERYTHING, "console": EVERYTHING, "examples": EVERYTHING, "bench": EVERYTHING,
    "tests": EVERYTHING,
}
BACKEND = re.compile(r"(eventstore/(memory|sqlite|postgres)_|eventbus/(memory|kafka)_)")
# Modules that see the ports of eventstore and eventbus, and these backends of them only.
BACKENDS_SEEN = {
    "runtime": re.compile(r"(?!)"),
    "sagas": re.compile(r"(?!)"),
    "testing": re.compile(r"(eventstore|eventbus)/memory_"),
}
# Outside library, the files that may include it, and where to go instead.
LIBRARIES = (
    (r"boost/(asio|beast|json)/(impl/)?src\.hpp$", r"_library\.cpp$",
     "is compiled once, in its module's *_library.cpp"),
    (r"boost/(asio|beast|json)\.hpp$", r"(?!)",
     "pulls in the whole library: include the headers you use"),
    (r"boost/asio/", r"^(?!core/|codec/|observability/)", "belongs to async and what is below it"),
    (r"boost/beast/", r"^http/", "belongs to http"),
    (r"boost/json/", r"^(?!core/|observability/|async/)", "belongs to codec and what is below it"),
    (r"(spdlog|fmt|prometheus|opentelemetry)/", r"^observability/.*\.cpp$",
     "stays in the .cpp files of observability"),
    (r"pqxx|libpq-fe\.h", r"^eventstore/postgres_.*\.cpp$|^(bench|examples|tests)/",
     "stays in eventstore/postgres_*.cpp"),
    (r"sqlite3\.h$", r"^eventstore/sqlite_.*\.cpp$|^(bench|tests)/",
     "stays in eventstore/sqlite_*.cpp"),
    (r"(librdkafka/)?rdkafka", r"^eventbus/kafka_|^(bench|tests)/", "stays in eventbus/kafka_*"),
    (r"toml\+\+/", r"^runtime/config.*\.cpp$", "stays in runtime/config*.cpp"),
    (r"CLI/", r"^(cli|examples|bench)/.*\.cpp$", "stays in the .cpp files of cli"),
    (r"benchmark/", r"^bench/", "belongs to bench"),
    (r"rapidcheck", r"_test\.cpp$|^testing/", "belongs to tests"),
    (r"boost/(?!container/|describe|mp11|system/|uuid/|core/)", r"^(?!core/)",
     "is not one of core's libraries (small_vector, Describe, System)"),
)
LIBRARIES = tuple((re.compile(a), re.compile(b), c) for a, b, c in LIBRARIES)
NOT_IN_HEADERS = ("iostream", "regex", "filesystem")
NOT_FOR_DOMAIN = re.compile(
    r"boost/(asio|beast|json)|spdlog|fmt/|prometheus|pqxx|libpq|sqlite3|.*rdkafka|toml\+\+|CLI/")
DOMAIN_MARK = re.compile(r"^TIDEMARK_(MESSAGE|STATE|VALUE)\s*\(", re.MULTILINE)
OURS = "tidemark/"


def check(sources):
    """All findings about includes, over the whole tree (`sources`: path → Source)."""
    findings = []
    for source in sources.values():
        if source.is_cpp:
            findings += form(source) + order(source) + modules(source) + libraries(source)
    return findings + domain_reach(sources)


def form(source):
    """Spelling, `#pragma once`, and headers that are too heavy for a header."""
    findings = []
    for include in source.includes:
        if include.quoted and (not include.name.startswith(OURS) or ".." in include.name):
            findings.append(source.finding(include.line, "include-form",
                f'"{include.name}": write the path behind the library\'s name, "tidemark/..."'))
        if not include.quoted and include.name.startswith(OURS):
            findings.append(source.finding(include.line, "include-form",
                f"<{include.name}>: our own headers stand in quotes"))
        if source.is_header and include.name in NOT_IN_HEADERS:
            findings.append(source.finding(include.line, "heavy-header",
                f"<{include.name}> is not included by a header: use it in a .cpp"))
    if source.is_header:
        if not source.directives or source.directives[0][1].split() != ["#pragma", "once"]:
            findings.append(source.finding(1, "pragma-once",
                "a header's first directive is #pragma once"))
    return findings


def group(source, include):
    """0 own header, 1 ours, 2 libraries and the system, 3 the standard library."""
    if include.quoted:
        own = OURS + re.sub(r"(_test)?\.cpp$", ".hpp", source.path)
        return 0 if source.path.endswith(".cpp") and include.name == own else 1
    return 2 if re.search(r"[/.]", include.name) else 3


def order(source):
    """Own header first, then ours, then libraries, then std."""
    titles = ("the own header", "our headers", "libraries", "the standard library")
    highest = 0
    for include in source.includes:
        place = group(source, include)
        if place < highest:
            return [source.finding(include.line, "include-order",
                f"{include.name}: {titles[place]} come before {titles[highest]} "
                "(./dev format puts includes in order)")]
        highest = max(highest, place)
    return []


def modules(source):
    """A module includes only modules above it."""
    module, findings = source.module, []
    if module not in MAY_INCLUDE:
        return findings
    for include in source.includes:
        if not include.name.startswith(OURS):
            continue
        path = include.name[len(OURS):]
        target = path.partition("/")[0]
        allowed = MAY_INCLUDE[module] + ((module,) if not source.is_test else (module, "testing"))
        if target not in allowed:
            findings.append(source.finding(include.line, "layers",
                f"{module} may not include {target} ({path}); it may include "
                f"{', '.join(MAY_INCLUDE[module]) or 'no other module'}"))
        elif module in BACKENDS_SEEN and not source.is_test and BACKEND.match(path):
            if not BACKENDS_SEEN[module].match(path):
                findings.append(source.finding(include.line, "layers",
                    f"{module} sees the ports of eventstore and eventbus, not {path}"))
    return findings


def libraries(source):
    """Each outside library has its place."""
    findings = []
    for include in source.includes:
        if include.quoted:
            continue
        for pattern, allowed, remedy in LIBRARIES:
            if pattern.match(include.name) and not allowed.search(source.path):
                findings.append(source.finding(
                    include.line, "library", f"<{include.name}> {remedy}"))
                break
    return findings


def reach(sources, path):
    """Every include that `path` reaches: (name, chain of our files that leads there)."""
    seen, todo = set(), [(path, (path,))]
    while todo:
        current, chain = todo.pop(0)
        source = sources.get(current)
        for include in source.includes if source else ():
            if include.name in seen:
                continue
            seen.add(include.name)
            yield include.name, chain
            if include.name.startswith(OURS):
                inner = include.name[len(OURS):]
                todo.append((inner, chain + (inner,)))


def domain_files(sources):
    """What a user's domain file is or includes: core's umbrella, and examples with messages."""
    for path, source in sources.items():
        example = source.module == "examples" and source.is_header
        if path == "core/core.hpp" or (example and DOMAIN_MARK.search(source.text)):
            yield source


def domain_reach(sources):
    """A domain file reaches core and codec only: no Asio, no database, no logger, no JSON."""
    findings = []
    for source in domain_files(sources):
        for name, chain in reach(sources, source.path):
            module = name[len(OURS):].partition("/")[0] if name.startswith(OURS) else ""
            via = " → ".join(chain + (name,))
            if NOT_FOR_DOMAIN.match(name):
                findings.append(source.finding(1, "domain-reach",
                    f"a domain file must not reach <{name}>: {via}"))
            elif module and module not in ("core", "codec", "examples"):
                findings.append(source.finding(1, "domain-reach",
                    f"a domain file reaches core and codec only, not {module}: {via}"))
    return findings
