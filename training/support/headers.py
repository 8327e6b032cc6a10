"""Write C++ headers of weights."""

from __future__ import annotations

import textwrap


def opening(script: str, about: str) -> str:
    """Return the comment at the beginning of a header: which script wrote it, and from what."""
    return textwrap.fill(
        f"Written by {script}: do not edit. {about}",
        width=100,
        initial_indent="// ",
        subsequent_indent="// ",
    )
