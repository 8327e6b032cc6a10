"""Encoding and decoding in memory."""

from __future__ import annotations

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from tests.scenes import STRONG, frames_of  # noqa: E402
from training.synthetic.codec import LOSSY, transcode  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402


@pytest.mark.parametrize("codec", LOSSY)
def test_encoders_give_every_frame_back(codec: str) -> None:
    scene = sample_scene(11, 1, STRONG)
    frames = frames_of(scene, 1.0)
    coded = np.stack(list(transcode(frames, codec, 30.0, 0.8)))
    again = np.stack(list(transcode(frames, codec, 30.0, 0.8)))
    assert coded.shape == frames.shape
    assert np.array_equal(coded, again)
    error = coded.astype(float) - frames
    assert error.any()
    # 30 dB; with red and blue exchanged, the error would be much larger.
    assert np.sqrt(np.mean(error**2)) < 8
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 5


def test_fewer_bits_lose_more() -> None:
    frames = frames_of(sample_scene(11, 1, STRONG), 1.0)
    rough, fine = (
        np.std(np.stack(list(transcode(frames, "h264", 30.0, bits))).astype(float) - frames)
        for bits in (0.05, 1.0)
    )
    assert rough > 1.3 * fine
