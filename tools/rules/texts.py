"""What holds for every text: sizes, open ends, and names of machines."""

import re

WIDTH_MAX = 100
SIZED = (".cpp", ".hpp", ".py", ".sh", ".mjs", ".js", ".css", ".sql")
OPEN_END = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b(?!.*(#\d+|/issues/\d+))")
# Package registries, in pieces so that this file does not name them either.
REGISTRIES = tuple(".".join(parts) for parts in (
    ("deb", "debian", "org"), ("security", "debian", "org"), ("snapshot", "debian", "org"),
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"),
    ("proxy", "golang", "org"), ("sum", "golang", "org"), ("repo1", "maven", "org"),
    ("repo", "maven", "apache", "org"), ("crates", "io"), ("deb", "nodesource", "com")))
REGISTRY = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, REGISTRIES)) + r")\b")
# A skipped test case is one that another case runs in a process of its own, and is named so.
SKIPPED_CASE = re.compile(r'TEST_CASE\("(?!elsewhere: )[^"]*"\s*\*\s*doctest::(skip)\(')
SYSTEM_FOLDERS = ("bin", "dev", "etc", "lib", "opt", "proc", "run", "sys", "tmp", "usr", "var")


def machine_path(root):
    """Pattern of paths that exist on one machine only: homes, and where this clone stands."""
    places = [r"/home/\w", r"/ro" r"ot/", r"/Users/\w", re.escape(str(root)) + r"\b"]
    parent = root.parent
    if len(parent.parts) == 2 and parent.name not in SYSTEM_FOLDERS:
        places.append(re.escape(str(parent)) + "/")
    return re.compile(r"(?<![\w./-])(" + "|".join(places) + ")")


def check(source, machine):
    """Findings of one file; `machine` is the pattern of machine_path."""
    findings = sizes(source)
    checks = ((OPEN_END, "open-end", "an open end names its issue (#12), or is done now"),
              (REGISTRY, "registry", "no registry is named here: packages are asked for by name"),
              (machine, "machine-path", "a path of one machine; make it relative"),
              (SKIPPED_CASE, "skipped-case", "only a case \"elsewhere: …\" of another one"))
    for pattern, rule, remedy in checks:
        for match in pattern.finditer(source.text):
            line = source.text.count("\n", 0, match.start()) + 1
            findings.append(source.finding(line, rule, f"{match.group(1)}: {remedy}"))
    return findings


def line_limit(source):
    """The greatest number of lines the file may have, or None."""
    if source.name == "meson.build":
        return 60 if "/" not in source.path else 30
    if source.path.endswith(SIZED) or source.path == "dev":
        return 500 if re.search(r"_test\.\w+$|(^|/)tests/", source.path) else 400
    return None


def sizes(source):
    findings, limit = [], line_limit(source)
    count = len(source.lines) - (1 if source.text.endswith("\n") else 0)
    if limit and count > limit:
        findings.append(source.finding(limit + 1, "file-length",
            f"{count} lines; at most {limit}: which two things does this file hold?"))
    if limit:
        for number, line in enumerate(source.lines, 1):
            if len(line) > WIDTH_MAX and "://" not in line:
                findings.append(source.finding(number, "line-length",
                    f"{len(line)} characters; at most {WIDTH_MAX}"))
    return findings
