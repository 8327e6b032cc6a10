"""The page in the browser: its advice is that of the program, and its code can be read."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from bench.engine import ROOT
from rppg_fast.appearance_meter import Appearance, AppearanceMeter
from rppg_fast.live.advice import advise, advise_without_face
from rppg_fast.reading import Box, Reading, Status
from rppg_fast.yuv import YuvFrame
from tests.support.pages import blocks
from tests.support.web import node, rgba

ADVICE = (ROOT / "web" / "page" / "advice.js").as_uri()
#: Sums of numbers in another order.
ROUNDING = 1e-12


def test_every_module_and_the_code_on_the_page_of_the_manual_can_be_read(tmp_path: Path) -> None:
    files = sorted((ROOT / "web").rglob("*.js"))
    for number, block in enumerate(blocks(ROOT / "docs" / "browser.md")):
        if block.language == "js":
            files.append(tmp_path / f"block{number}.mjs")
            files[-1].write_text(block.text, "utf-8")
    assert len(files) > 8
    found = node(
        """
        import { spawnSync } from "node:child_process";
        import { readFileSync } from "node:fs";
        answer(given.files.map((file) => {
          const options = ["--input-type=module", "--check", "-"];
          return spawnSync(process.execPath, options, { input: readFileSync(file) }).status;
        }));
        """,
        files=[str(file) for file in files],
    )
    assert dict(zip(map(str, files), found)) == {str(file): 0 for file in files}


def sides(box: Box) -> dict[str, int]:
    return dict(zip(("x0", "y0", "x1", "y1"), box))


def test_the_same_is_advised() -> None:
    boxes = [None, Box(0, 0, 71, 200), Box(5, 5, 105, 105)]
    looks = [Appearance(*look) for look in itertools.product((0.05, 0.5, 0.95), (0, 0.3), (0, 0.1))]
    cases = list(itertools.product(Status, boxes, looks, (False, True)))
    found = node(
        """
        const { advise, adviseWithoutFace } = await import(given.advice);
        const of = ([status, box, look, newcomer]) => advise({ status }, box, look, newcomer);
        answer([given.cases.map(of), given.looks.map(adviseWithoutFace)]);
        """,
        advice=ADVICE,
        looks=[look._asdict() for look in looks],
        cases=[
            [status.value, box and sides(box), look._asdict(), newcomer]
            for status, box, look, newcomer in cases
        ],
    )
    expected = [
        advise(Reading(0.0, status, None, None, None, 0.0, 0.0), box, look, newcomer).value
        for status, box, look, newcomer in cases
    ]
    assert found[0] == expected
    assert found[1] == [advise_without_face(look).value for look in looks]
    assert len(set(found[0])) == 10, "each piece of advice is given"


@pytest.mark.parametrize("kind", ["rgba", "i420"])
def test_a_face_looks_the_same(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    shape, box = (60, 80), Box(13, 7, 71, 58)
    frames = [rng.integers(0, 256, (*shape, 3), np.uint8) for _ in range(4)]
    times = [0.0, 0.05, 0.1, 0.25]
    meter = AppearanceMeter()
    chroma = np.zeros((30, 40), np.uint8)
    expected = [
        meter.update(frame if kind == "rgba" else YuvFrame(frame[..., 1], chroma, chroma), box, t)
        for frame, t in zip(frames, times)
    ]
    film = tmp_path / "film"
    film.write_bytes(
        b"".join(rgba(frame) if kind == "rgba" else frame[..., 1].tobytes() for frame in frames)
    )
    found = node(
        """
        import fs from "node:fs";
        const { AppearanceMeter } = await import(given.advice);
        const film = new Uint8Array(fs.readFileSync(given.film));
        const { width, height, bytes, format, box } = given;
        const meter = new AppearanceMeter();
        answer(given.times.map((time, i) => {
          const data = film.subarray(i * bytes, (i + 1) * bytes);
          return meter.update({ data, width, height, format }, box, time);
        }));
        """,
        advice=ADVICE,
        film=str(film),
        times=times,
        width=shape[1],
        height=shape[0],
        bytes=shape[0] * shape[1] * (4 if kind == "rgba" else 1),
        format=kind,
        box=sides(box),
    )
    for look, wanted in zip(found, expected):
        assert look == pytest.approx(wanted._asdict(), abs=ROUNDING)
