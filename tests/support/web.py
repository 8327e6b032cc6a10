"""The WebAssembly build, programs for Node, and a server of plain files."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.engine import ROOT, cmake, run

#: Longest run of a program for Node, s.
LONGEST = 300.0


def built_site() -> Path:
    """Return the folder with ``package`` and ``page``; the test is skipped without a compiler.

    ``RPPG_WEB`` names a folder that is built already.
    """
    if ready := os.environ.get("RPPG_WEB"):
        return Path(ready)
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("there is no compiler for WebAssembly: pip install '.[web]'")
    folder = ROOT / "build" / "web"
    toolchain = ROOT / "cmake" / "wasm32.cmake"
    zig = f"{sys.executable};-m;ziglang"
    cmake(
        ROOT, folder, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", f"-DRPPG_ZIG={zig}", "-DRPPG_WERROR=ON"
    )
    run("cmake", "--install", folder, "--prefix", folder / "site")
    return folder / "site"


def node(program: str, **given: Any) -> Any:
    """Run a program in Node, and return what it gives to ``answer``.

    The program is a module; ``given`` holds the arguments, which must be JSON. The test is skipped
    where there is no Node.
    """
    path = shutil.which("node")
    if path is None:
        pytest.skip("there is no Node here")
    text = (
        f"const given = {json.dumps(given)};\n"
        "const answer = (value) => console.log(JSON.stringify(value));\n" + program
    )
    done = subprocess.run(
        [path, "--input-type=module", "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rgba(bgr: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Return the bytes of a frame as a canvas has them."""
    opaque = np.full(bgr.shape[:2], 255, np.uint8)
    return np.dstack([bgr[..., ::-1], opaque]).tobytes()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files to this machine, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
