"""The progress bar of the command line."""

from __future__ import annotations

import os
import sys

from rppg_fast.sources import Source

_WIDTH = 30  # characters


class ProgressBar:
    """A progress bar on standard error; shown only in a terminal, and erased at the end."""

    def __init__(self, source: Source) -> None:
        self._name = os.path.basename(source.name)
        self._total = source.frame_count
        self._shown = -1
        self.frames = 0
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> ProgressBar:
        return self

    def __call__(self, frames: int) -> None:
        """Show that so many frames were read."""
        self.frames = frames
        if not self._visible:
            return
        if not self._total:  # a camera, or a container that does not state its number of frames
            if frames % _WIDTH == 0:
                self._write(f"{frames} frames")
            return
        total = max(self._total, frames)  # the container's number may be too small
        percent = 100 * frames // total
        if percent != self._shown:
            self._shown = percent
            filled = _WIDTH * frames // total
            self._write(f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {frames} frames")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{self._name} {text}")
        sys.stderr.flush()

    def __exit__(self, *exception: object) -> None:
        if self._visible:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
