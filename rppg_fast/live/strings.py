"""The words for people, in each language; the page reads the same files."""

from __future__ import annotations

import json
import locale
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "strings"
#: The languages that there are; the first one is that of everybody else.
LANGUAGES = ("en", "ko")


@cache
def words(language: str) -> dict[str, str]:
    """Return the words of a language by key."""
    text = (_FOLDER / f"{language}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def own_language() -> str:
    """Return the language that the user's environment asks for, if there is one."""
    name = (locale.getlocale()[0] or "")[:2].lower()
    return name if name in LANGUAGES else LANGUAGES[0]
