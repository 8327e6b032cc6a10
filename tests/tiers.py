"""Tolerances of a forward pass relative to PyTorch in float64."""

from __future__ import annotations

# In standard deviations of the output, for the shipped weights and motion of a face.
FLOAT32_TIER = 1e-5
# `portable` has no fused multiply-add: product and sum are rounded separately. 1.08e-5 was seen.
WITHOUT_FUSED = 1.25
# `amx` rounds the inputs of the second convolution to 8 bits. In absolute terms, for the shipped
# weights and the demonstration clip; 1.6e-3 was seen over the whole clip.
BF16_TIER = 2e-3
# For white noise, which is far stronger than motion, and random weights; in standard deviations of
# the output. 1.1e-2 was seen.
BF16_NOISE_TIER = 2e-2
# For white noise and random weights of a teacher, in standard deviations of the output. The errors
# of three layers add up, and the output is small compared with the values that it is summed from.
# 4.3e-5 was measured. Trained weights keep within FLOAT32_TIER for smooth motion.
TEACHER_NOISE_TIER = 1e-4
# Frames on CUDA against `portable`. Both are float32 with different rounding, so the tolerance
# against float64 counts twice. Motion reaches 10: it is the change of an appearance over 0.3, times
# 50.
APPEARANCE_TOLERANCE = 2e-6
MOTION_TOLERANCE = 4e-4
BF16_RATE = 0.3  # bpm, between heart rates in float32 and in bf16


def allowed(backend: str, float32: float, bf16: float) -> float:
    """Return the tolerance for a backend."""
    if backend == "portable":
        return WITHOUT_FUSED * float32
    return bf16 if backend == "amx" else float32
