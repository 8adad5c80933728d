"""Markdown: one title a page, and links that lead somewhere."""

import posixpath
import re
import urllib.parse

FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
CODE = re.compile(r"`[^`]*`")


def prose(source):
    """(line number, text) of the lines outside fenced blocks, without inline code."""
    fenced = None
    for number, line in enumerate(source.lines, 1):
        match = FENCE.match(line)
        if match and fenced in (None, match.group(1)):
            fenced = None if fenced else match.group(1)
        elif not fenced:
            yield number, CODE.sub("", line)


def anchors(source):
    """The anchors of a page's headings, as they are derived when it is shown."""
    found = set()
    for _, line in prose(source):
        if line.startswith("#"):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(title.replace(" ", "-"))
    return found


def check(source, sources, exists):
    """Findings of one page; `exists` tells whether a path relative to the root is there."""
    findings, titles = [], []
    for number, line in prose(source):
        if line.startswith("# "):
            titles.append(number)
        for match in LINK.finditer(line):
            problem = broken(source, match.group(1), sources, exists)
            if problem:
                findings.append(source.finding(number, "link", problem))
    if len(titles) != 1:
        findings.append(source.finding(titles[1] if titles else 1, "title",
            f"{len(titles)} titles ('# '); a page has exactly one"))
    return findings


def broken(source, target, sources, exists):
    """Why the link does not lead anywhere, or None; links to other sites are not followed."""
    if re.match(r"[a-z][a-z0-9+.-]*:|//", target):
        return None
    path, _, anchor = urllib.parse.unquote(target).partition("#")
    whole = posixpath.normpath(posixpath.join(source.folder, path)) if path else source.path
    if path.startswith("/") or whole.startswith(".."):
        return f"{target}: links are relative and stay inside the tree"
    if not exists(whole):
        return f"{target}: there is no {whole}"
    page = sources.get(whole)
    if anchor and page and whole.endswith(".md") and anchor not in anchors(page):
        return f"{target}: {whole} has no heading '{anchor}'"
    return None
