"""Parse the project's Markdown pages: fenced blocks, links, headings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

_FENCE = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its page, its language, its text."""

    page: Path
    language: str
    text: str


@cache
def pages() -> tuple[Path, ...]:
    """Return every Markdown page of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = listed.stdout.split() or [  # an unpacked archive instead of a checkout
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md") if "build" not in path.parts
    ]
    return tuple(ROOT / name for name in sorted(names))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [Block(page, language.strip(), text) for _, language, text in found]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of the links and pictures of a page."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", one) for one in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a shell block: lines joined, split at pipes and ``&&``, no comments."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*", "", line)
        yield from (part.strip() for part in re.split(r"\|\||&&|\||;", line) if part.strip())
