"""The page of messages lists exactly the messages in the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.pages import ROOT

PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")

#: Placeholder for a name or a number on the page.
ANYTHING = "…"

#: Length from which a constant part identifies a message.
LEAST = 8

#: Characters that may separate a constant part from a placeholder.
EDGES = " .,:;'()"

_CPP_FAILURE = re.compile(r"(?:\bthrow |\bfail\(|\brequire\(VIDIOC).*?;", re.DOTALL)


def listed() -> list[str]:
    """Return the messages on the page: the code in the first column of its tables."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    found = [text for row in rows for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    return [text for text in found if " " in text]


def joined(texts: list[str]) -> str:
    return "\n".join(texts)


def cpp_texts(source: str) -> list[str]:
    """Return the strings in a piece of C++; adjacent ones are joined."""
    source = re.sub(r'"\s*\+?\s*\n?\s*"', "", source)
    return [one.replace("\\\\", "\\") for one in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)]


def python_texts(node: ast.AST) -> list[str]:
    """Return the constant parts of the strings in a piece of Python."""
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


PYTHON = {file: ast.parse(file.read_text("utf-8")) for file in ROOT.glob("rppg_fast/**/*.py")}
CPP = {
    file: file.read_text("utf-8")
    for pattern in ("csrc/**/*.cpp", "csrc/**/*.hpp")
    for file in ROOT.glob(pattern)
    if "weights" not in file.name or file.suffix == ".cpp"
}
SOURCE = joined(
    [text for tree in PYTHON.values() for text in python_texts(tree)]
    + [text for source in CPP.values() for text in cpp_texts(source)]
)


@pytest.mark.parametrize("message", listed())
def test_a_message_on_the_page_is_one_of_the_source(message: str) -> None:
    for part in message.split(ANYTHING):
        assert part.strip(EDGES) in SOURCE


def raised() -> list[tuple[Path, str]]:
    """Return the longest constant part of each message that the source can raise."""
    found = []
    for file, tree in PYTHON.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                texts = [t for argument in node.exc.args for t in python_texts(argument)]
                found.append((file, max(texts, key=len, default="")))
    for file, source in CPP.items():
        for statement in _CPP_FAILURE.findall(source):
            found.append((file, max(cpp_texts(statement), key=len, default="")))
    return [(file, text.strip(EDGES)) for file, text in found if len(text) >= LEAST]


def test_every_message_of_the_source_is_on_the_page() -> None:
    found = raised()
    assert len(found) > 100
    missing = [f"{file.relative_to(ROOT)}: {text}" for file, text in found if text not in PAGE]
    assert not missing, joined(missing)
