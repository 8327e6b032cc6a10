"""Values of options that several commands take."""

from __future__ import annotations

import argparse


def size(text: str) -> tuple[int, int]:
    """Return width and height of a text such as 640x480."""
    try:
        width, height = map(int, text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give, as 640x480") from None
    return width, height
