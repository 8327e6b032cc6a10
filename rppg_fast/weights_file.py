"""The attributes that all networks have in common."""

from __future__ import annotations

from typing import Any


class WeightsFile:
    """A network that was made from a weights file; it can be copied and pickled.

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
        from hashlib import sha256  # imported here because the import is slow

        self._arguments = data, source, backend
        self.source = source
        self.sha256 = sha256(data).hexdigest()

    @property
    def weights(self) -> bytes:
        """Content of the weights file, in the safetensors format."""
        return self._arguments[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments
