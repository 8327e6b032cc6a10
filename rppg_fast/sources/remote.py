"""Video files in object stores and on servers, by fsspec."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from time import sleep
from typing import IO, Any

from rppg_fast.sources.stream import StreamSource

#: Schemes of addresses that name a file in a store.
STORES = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "hdfs", "s3", "s3a", "webhdfs"})
#: Schemes of addresses that name a file on a server; FFmpeg can also read them as a stream.
SERVERS = frozenset({"ftp", "ftps", "http", "https", "sftp"})

#: Bytes that are fetched at once.
_PIECE = 4 << 20
#: Pauses before further tries to fetch a file, s.
_PAUSES = (0.5, 2.0)


def scheme(name: str) -> str:
    """Return the scheme of an address, such as "s3"; empty if it is a path."""
    before, found, _ = name.partition("://")
    return before.lower() if found else ""


def file_system(name: str) -> tuple[Any, str]:
    """Return the fsspec file system that an address belongs to, and the address's path in it.

    Raises
    ------
    ImportError
        If fsspec, or the package that it needs for this scheme, is not installed.
    """
    if find_spec("fsspec") is None:
        raise ImportError(f'{name}: needs fsspec: pip install "rppg_fast[remote]"')
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(name)
    except ImportError as error:
        raise ImportError(f"{name}: {error}") from error
    return system, str(path)


@contextmanager
def naming_errors(name: str) -> Iterator[None]:
    """Raise an OSError that names an address in place of the errors of its kind of store."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{name}: no such file") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise OSError(f"{name}: cannot be fetched: {reason}") from error


class RemoteSource(StreamSource):
    """A video file in a store or on a server.

    It is copied to a temporary file first, and that is removed when the source is closed, or when
    the process ends in any way. So a connection that fails cannot look like a damaged video, and a
    file whose index is at its end is read like any other.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be fetched.
    ImportError
        If a package for this kind of address is not installed.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(self, name: str, fps: float | None = None) -> None:
        super().__init__(fetch(name), name, fps, owned=True)


def fetch(name: str) -> IO[bytes]:
    """Copy a file of a store or a server to a temporary file without a name; return it, rewound.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be fetched, or not as a whole.
    ImportError
        If a package for this kind of address is not installed.
    """
    system, path = file_system(name)
    pauses = list(_PAUSES)
    while True:
        try:
            return _copy(system, path, name)
        except OSError as error:
            hopeless = isinstance(error.__cause__, (FileNotFoundError, PermissionError))
            if hopeless or not pauses:
                raise
        sleep(pauses.pop(0))


def _copy(system: Any, path: str, name: str) -> IO[bytes]:
    with ExitStack() as stack, naming_errors(name):
        target = stack.enter_context(tempfile.TemporaryFile(prefix="rppg-fast-"))
        with system.open(path, "rb", block_size=_PIECE, cache_type="readahead") as file:
            size = getattr(file, "size", None)
            while piece := file.read(_PIECE):
                target.write(piece)
        if size is not None and target.tell() != size:
            raise OSError(f"{target.tell()} of {size} bytes came")
        target.seek(0)
        stack.pop_all()  # the caller closes it
        return target
