"""What a network knows of the file that its weights are from."""

from __future__ import annotations

from typing import Any


class WeightsFile:
    """The part that all networks have in common; it makes copies and pickles of them possible.

    Attributes
    ----------
    source
        Name of the weights file.
    sha256
        Hash of the weights file, hexadecimal.
    """

    source: str
    sha256: str
    _arguments: tuple[bytes, str, str]

    def _remember(self, data: bytes, source: str, backend: str) -> None:
        from hashlib import sha256  # which takes its time

        self._arguments = data, source, backend
        self.source = source
        self.sha256 = sha256(data).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments
