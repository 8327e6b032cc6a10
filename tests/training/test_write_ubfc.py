"""Files in UBFC-rPPG's layout."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from rppg_fast.reference import Reference  # noqa: E402
from tests.support.scenes import read_video  # noqa: E402
from training.synthetic.render import place_in_frame, render  # noqa: E402
from training.synthetic.scene import Scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402
from training.synthetic.write_ubfc import main as write_ubfc  # noqa: E402


@pytest.mark.parametrize("codec", ["raw", "ffv1", "mpeg4"])
def test_files_in_the_layout_of_ubfc(codec: str, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--subjects", "2", "--seed", "9", "--seconds", "1"]
    arguments += ["--size", "160x120", "--fps", "25", "--codec", codec]
    write_ubfc(arguments)
    for index in range(2):
        folder = tmp_path / f"subject{index + 1}"
        truth = Reference.read(folder / "ground_truth.txt")
        frames = list(read_video(folder / "vid.avi"))
        assert len(frames) == len(truth.ppg) == 25
        assert frames[0].shape == (120, 160, 3)
        np.testing.assert_allclose(truth.times, np.arange(25) / 25, atol=1e-6)
        scene = Scene.from_json(json.loads((folder / "scene.json").read_text())["scene"])
        np.testing.assert_allclose(
            truth.heart_rate, pulse_wave(scene).heart_rate(truth.times), rtol=1e-5
        )
        np.testing.assert_allclose(truth.ppg, pulse_wave(scene).ppg(truth.times), atol=1e-4)
        placement = place_in_frame(scene, 160, 120)
        rendered = np.stack(list(render(scene, placement, np.arange(25) / 25)))
        error = np.stack(frames).astype(float) - rendered
        # Equal pixels also show that colors are not exchanged.
        if codec == "mpeg4":
            assert np.sqrt(np.mean(error**2)) < 8
        else:
            assert not error.any()
    before = (tmp_path / "subject1" / "vid.avi").stat().st_mtime_ns
    write_ubfc(arguments)
    assert (tmp_path / "subject1" / "vid.avi").stat().st_mtime_ns == before
    with pytest.raises(SystemExit):
        write_ubfc([*arguments, "--seed", "10"])


def test_the_layout_is_that_of_the_real_files(data: Path, tmp_path: Path) -> None:
    write_ubfc(["--out", str(tmp_path), "--subjects", "1", "--seconds", "0.2", "--size", "160x120"])
    number = re.compile(r"-?\d\.\d{7}e[+-]\d\d")
    texts = (
        (folder / "subject1" / "ground_truth.txt").read_text().splitlines()
        for folder in (data / "ubfc_format", tmp_path)
    )
    for rows in texts:
        assert len(rows) == 3
        assert all(number.fullmatch(value) for row in rows for value in row.split())
