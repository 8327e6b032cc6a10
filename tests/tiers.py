"""What a forward pass may differ by from PyTorch in float64."""

from __future__ import annotations

# In standard deviations of the output, for the weights that ship and motion as faces show it.
FLOAT32_TIER = 1e-5
# `portable` has no fused multiply-add: product and sum are rounded each. 1.08e-5 was seen.
WITHOUT_FUSED = 1.25
# `amx` rounds the inputs of the second convolution to 8 bits; in absolute terms, for the weights
# that ship and the demonstration clip. 1.6e-3 was seen over the whole of it.
BF16_TIER = 2e-3
# Of white noise, far stronger than motion is, and made-up weights; in standard deviations of the
# output. 1.1e-2 was seen.
BF16_NOISE_TIER = 2e-2
# For white noise and random weights of a teacher, in standard deviations of the output. The errors
# of three layers add up, and the output is small compared with the values that it is summed from.
# 4.3e-5 was measured. Trained weights keep within FLOAT32_TIER for smooth motion.
TEACHER_NOISE_TIER = 1e-4
# CUDA's frames against `portable`: both in float32, rounded in another order, as against float64,
# twice; and motion, values up to 10: a change of an appearance by that, over 0.3, times 50.
APPEARANCE_TOLERANCE = 2e-6
MOTION_TOLERANCE = 4e-4
BF16_RATE = 0.3  # bpm, between the heart rates of both tiers


def allowed(backend: str, float32: float, bf16: float) -> float:
    """Return the tolerance of the tier that a backend belongs to."""
    if backend == "portable":
        return WITHOUT_FUSED * float32
    return bf16 if backend == "amx" else float32
