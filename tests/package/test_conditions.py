"""Why there is no heart rate: the conditions of a recording that can hide a pulse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.cli.output import describe
from rppg_fast.conditions import Conditions, Obstacle
from tests.support.demo import DEMO_BOX, demo_frames
from tests.support.live import Frame
from training.data.timed_video import write_timed_video

SECONDS = 6.0

Levels = NDArray[np.float64]
Change = Callable[[Levels, float], Levels]


def unchanged(levels: Levels, time: float) -> Levels:
    return levels


def moved(levels: Levels, time: float) -> Levels:
    shift = np.array([[1, 0, 14 * np.sin(6 * time)], [0, 1, 0]], np.float64)
    return np.asarray(cv2.warpAffine(levels, shift, levels.shape[1::-1]), np.float64)


def grey(levels: Levels, time: float) -> Levels:
    return np.repeat(levels[..., 1:2], 3, axis=-1)


def clip(change: Change = unchanged) -> list[tuple[Frame, float]]:
    """Return the demonstration clip's first seconds, its levels changed."""
    frames = demo_frames()[: round(SECONDS * 30)]
    return [
        (np.clip(change(frame.astype(np.float64), time), 0, 255).astype(np.uint8), time)
        for frame, time in frames
    ]


def conditions_of(frames: list[tuple[Frame, float]], box: tuple[int, ...] = DEMO_BOX) -> Conditions:
    found = rf.measure_frames(frames, rf.HeartRateMonitor(box=box))
    assert found.conditions is not None
    return found.conditions


CASES: dict[str, tuple[Change, tuple[Obstacle, ...]]] = {
    "as it is": (unchanged, ()),
    "dark": (lambda levels, time: 0.25 * levels, (Obstacle.DARK,)),
    "bright": (lambda levels, time: 1.6 * levels + 40, (Obstacle.BRIGHT,)),
    "moving": (moved, (Obstacle.MOVEMENT,)),
    "grey": (grey, (Obstacle.NO_COLOR,)),
    "grey and dark": (
        lambda levels, time: 0.25 * grey(levels, time),
        (Obstacle.DARK, Obstacle.NO_COLOR),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_obstacle_is_found_where_it_is_and_nowhere_else(case: str) -> None:
    change, expected = CASES[case]
    assert conditions_of(clip(change)).obstacles == expected


@pytest.mark.parametrize("side", [20, 31, 40, 71])
def test_a_small_face_is_an_obstacle_at_every_size(side: int) -> None:
    found = conditions_of(clip(), (130, 80, 130 + side, 80 + side))
    assert found.side_px == side
    assert Obstacle.SMALL in found.obstacles


def test_planes_of_a_decoder_and_their_pixels_have_the_same_conditions(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_timed_video(file, clip(), "h264", 10)
    planes = rf.measure(file, box=DEMO_BOX).conditions
    pixels = conditions_of([(frame, time) for frame, time in rf.VideoFile(file)])
    assert planes is not None
    # Luma is compared with green, and chroma with the range of the colors.
    assert planes.brightness == pytest.approx(pixels.brightness, abs=0.06)
    assert planes.movement == pytest.approx(pixels.movement, rel=0.3)
    assert 0.5 < planes.color / pixels.color < 2.0
    assert planes.side_px == pixels.side_px


@pytest.mark.parametrize(("crf", "strong"), [(10, False), (45, True)])
def test_strong_compression_is_an_obstacle(tmp_path: Path, crf: int, strong: bool) -> None:
    file = tmp_path / "clip.mp4"
    frames = clip()
    write_timed_video(file, frames, "h264", crf)
    found = rf.measure(file, box=DEMO_BOX).conditions
    assert found is not None
    assert found.bits_per_pixel is not None
    pixels = len(frames) * frames[0][0][..., 0].size
    with av.open(str(file)) as container:
        size = sum(packet.size for packet in container.demux(video=0))
    assert found.bits_per_pixel == pytest.approx(8 * size / pixels)
    assert (Obstacle.COMPRESSION in found.obstacles) is strong


def test_of_frames_from_memory_and_lossless_files_nothing_is_said_about_compression(
    tmp_path: Path,
) -> None:
    assert conditions_of(clip()).bits_per_pixel is None
    file = tmp_path / "clip.nut"
    write_timed_video(file, clip()[:60], "ffv1", 0)
    found = rf.measure(file, box=DEMO_BOX).conditions
    assert found is not None
    assert found.bits_per_pixel is not None
    assert found.bits_per_pixel > 1
    assert found.obstacles == ()


def test_the_command_line_names_what_it_found_and_what_helps() -> None:
    still = [(demo_frames()[0][0] // 4, index / 30) for index in range(round(30 * SECONDS))]
    found = rf.measure_frames(still, rf.HeartRateMonitor(box=DEMO_BOX), name="clip")
    assert found.status is rf.Status.LOW_SIGNAL
    text = describe(found, rf.PulseSettings())
    assert "the face is dark, give it more light from the front" in text
    assert "compress" not in text


def test_the_command_line_says_which_windows_could_be_read_alone() -> None:
    found = rf.measure_frames(clip(), rf.HeartRateMonitor(box=DEMO_BOX), name="clip")
    assert found.status is rf.Status.OK
    rates = [window.heart_rate_bpm for window in found.windows if window.heart_rate_bpm]
    withheld = replace(
        found, status=rf.Status.LOW_SIGNAL, heart_rate_bpm=None, confidence=0.2, candidate_bpm=72.0
    )
    text = describe(withheld, rf.PulseSettings())
    assert "no heart rate" in text
    read = f"{min(rates):.0f} to {max(rates):.0f} bpm in {len(rates)} of {len(found.windows)}"
    assert f"(confidence 0.20 for 72 bpm; {read} windows alone)" in text


def test_nobody_has_no_conditions() -> None:
    empty = [(np.full((240, 320, 3), 90, np.uint8), index / 30) for index in range(60)]
    found = rf.measure_frames(empty, rf.HeartRateMonitor())
    assert found.conditions is None
    assert found.to_dict()["obstacles"] == []
