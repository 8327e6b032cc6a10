"""Colors of skin and hair from their pigments.

Colors are RGB in [0, 1] as stored in a picture (gamma 1/2.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.synthetic.paint import hsv, mix
from training.synthetic.scene import Scene, Skin

GAMMA = 1 / 2.2

# Reflectance of the lightest and the darkest skin in linear light.
_LIGHT_SKIN = np.array([0.80, 0.54, 0.41])
_DARK_SKIN = np.array([0.085, 0.042, 0.026])
_BLOOD = np.array([0.02, 0.32, 0.24])  # absorption of the largest amount of blood
_BILE = np.array([0.0, 0.03, 0.30])  # absorption of the strongest yellow tint


def skin_color(skin: Skin) -> NDArray[np.float64]:
    """Return the RGB color of a skin in full light."""
    light, dark = np.log(_LIGHT_SKIN), np.log(_DARK_SKIN)
    absorbed = skin.redness * _BLOOD + skin.yellow * _BILE
    return np.asarray(np.exp(light + skin.melanin * (dark - light) - absorbed) ** GAMMA)


def hair_color(scene: Scene) -> NDArray[np.float64]:
    """Return the RGB color of the hair in full light."""
    hair = scene.hair
    pigment = np.array([0.9, 1.0, 1.0]) + hair.red * np.array([-0.25, 0.15, 0.6])
    natural = np.exp(-2.4 * hair.darkness * pigment) * 0.85 + 0.03
    return mix(natural, hsv(hair.dye_hue, 0.7, 0.6), hair.dye)
