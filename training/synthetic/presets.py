"""Named sets of ranges for synthetic clips, for ``training.synthetic.generate --preset``."""

from __future__ import annotations

from collections.abc import Mapping

from training.synthetic.parameters import Between, Choice, Law, OneOf

BROAD: Mapping[str, Law] = {
    "pulse.amplitude": Between(0.001, 0.012, log=True),
    "background.movement": Between(0.01, 0.3, log=True, share=0.25),
    "light.rhythm": Between(0.0005, 0.03, log=True, share=0.25),
    "light.flicker": Between(0.0003, 0.008, log=True, share=0.3),
    "light.unevenness": Between(0.0, 1.0),
    "motion.sway": Between(0.002, 0.2, log=True),
    "motion.rhythm": Between(0.003, 0.08, log=True, share=0.25),
    "motion.moves": Between(0.05, 0.6, share=0.3),
    "motion.move_size": Between(0.03, 0.3, log=True),
    "motion.roll": Between(0.001, 0.05, log=True),
    "motion.yaw": Between(0.002, 0.1, log=True),
    "motion.pitch": Between(0.002, 0.1, log=True),
    "motion.zoom": Between(0.0005, 0.03, log=True),
    "expression.talking": Between(0.2, 1.0, share=0.3),
    "camera.exposure": Between(0.15, 1.3),
    "camera.codec": Choice(
        {"none": 0.6, "h264": 0.2, "mpeg4": 0.05, "vp8": 0.03, "vp9": 0.03, "mjpeg": 0.09}
    ),
    "camera.bits_per_pixel": Between(0.05, 0.8, log=True),
    "framing.box_x": Between(-0.25, 0.25),
    "framing.box_y": Between(-0.25, 0.25),
}
"""Weaker pulses, stronger movement and light, and a face that need not be in the middle of the box.
The ranges are as wide as the benchmark's, which are defined independently."""

LOOSE: Mapping[str, Law] = {
    "background.movement": Between(0.02, 0.3, log=True, share=0.5),
    "camera.fps": OneOf((20.0, 25.0, 30.0)),
    "camera.codec": Choice({"none": 0.8, "h264": 0.1, "mjpeg": 0.1}),
    "framing.box_scale": Between(1.1, 2.2),
    "framing.box_x": Between(-0.25, 0.25),
    "framing.box_y": Between(-0.2, 0.2),
}
"""A face anywhere in a loose box, often before a moving background. Finding the skin needs
attention, which the teacher has and the student has not. For small tests of distillation."""

PRESETS: Mapping[str, Mapping[str, Law]] = {"default": {}, "broad": BROAD, "loose": LOOSE}
