"""Paint a head with shaded relief, and the strength and color of the pulse in it.

All shapes are functions of the place (x, y) in head units, x to the viewer's right, y down, origin
at the centre of the face, so the head is the same at any size. Colors are RGB in [0, 1] as stored
in a picture (gamma 1/2.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synthetic.paint import Canvas, Field, bump, cover, grey, hsv, mix, noise, step
from training.synthetic.pigments import GAMMA, hair_color, skin_color
from training.synthetic.scene import Scene

_HAIR_SKIN = 0.15  # pulse seen through dense hair, relative to bare skin
_SKULL = 1.27  # height of the top of the skull above the face's centre, head units
FACE_BOX = (-0.73, -0.92, 0.73, 1.02)
"""Box of MTCNN, in head units: (x0, y0, x1, y1); within 0.07 for rendered faces."""


@dataclass(frozen=True)
class HeadPaint:
    """A painted head and its possible changes.

    Attributes
    ----------
    color : float32 (3, H, W)
        RGB in [0, 1].
    alpha : float32 (H, W)
        Opacity of the head.
    skin : float32 (H, W)
        Strength of the pulse; its mean over the skin of the face is 1.
    lids, mouth : float32 (3, H, W)
        Change of the color when the eyes close and when the mouth opens.
    yaw, pitch : float32 (3, H, W)
        Change of the color per radian of turning to the right or down.
    depth : float32 (H, W)
        Height towards the camera, head units; higher places move more when the head turns.
    jaw : float32 (H, W)
        How far a place moves down when the mouth opens.
    """

    color: Field
    alpha: Field
    skin: Field
    lids: Field
    mouth: Field
    yaw: Field
    pitch: Field
    depth: Field
    jaw: Field


def paint_head(scene: Scene, x: Field, y: Field) -> HeadPaint:
    """Paint the head of a scene.

    Parameters
    ----------
    scene
        The scene.
    x, y
        float32 (H, W): place of each pixel in head units, on a regular, possibly rotated grid.
    """
    painter = _Painter(scene, x, y)
    color, alpha, skin = painter.albedo()
    depth = painter.relief()
    shade, shine, yaw, pitch = painter.light(depth)
    skin = skin * painter.perfusion() / (1 + 2 * shine)
    face = cover(painter.face_outline()) * (skin > 0.5)
    skin /= float(np.sum(skin * face)) / float(face.sum())
    eyes = np.abs(y + scene.head.eye_height) < 1.2 * scene.head.eye_size
    mouth = np.abs(y - scene.head.mouth_height - 0.1) < 0.4
    return HeadPaint(
        color=color * shade + shine,
        alpha=alpha,
        skin=skin,
        lids=shade * _difference(scene, x, y, eyes, color, lids=1.0),
        mouth=shade * _difference(scene, x, y, mouth, color, mouth=1.0),
        yaw=color * yaw,
        pitch=color * pitch,
        depth=depth,
        jaw=bump(x / 0.75) * step(y, 0.1, 0.75),
    )


def _difference(
    scene: Scene, x: Field, y: Field, place: NDArray[np.bool_], color: Field, **change: float
) -> Field:
    """Return the change of the color at a place when the lids or the mouth change."""
    rows = np.flatnonzero(place.any(axis=1))
    difference = np.zeros_like(color)
    if len(rows) > 2:  # else outside the picture; slopes need a few rows
        band = slice(rows[0], rows[-1] + 1)
        changed, _, _ = _Painter(scene, x[band], y[band]).albedo(**change)
        difference[:, band] = (changed - color[:, band]) * place[band]
    return difference


class _Painter:
    """Paints one head on one grid; its methods share the coordinates."""

    def __init__(self, scene: Scene, x: Field, y: Field) -> None:
        self.scene = scene
        self.head = scene.head
        self.hair = scene.hair
        self.x = x
        self.y = y
        self.pixel = float(np.hypot(x[0, 1] - x[0, 0], y[0, 1] - y[0, 0]))
        turn = self.head.turn
        # Features move over the sphere of the head as it turns; the outline stays.
        self.fx = x - turn * bump(x / 0.9) - self.head.asymmetry * y
        self.width = self.head.width * (1 - self.head.jaw * step(y, -0.1, 1.0))

    def noise(self, name: str, scale_x: float, scale_y: float) -> Field:
        return noise(self.scene.stream(f"paint.{name}"), self.x, self.y, scale_x, scale_y)

    # Outlines are negative inside.

    def face_outline(self) -> Field:
        below = np.clip(self.y, 0, None) ** self.head.square
        above = (np.clip(-self.y, 0, None) / _SKULL) ** 2.2
        return np.asarray((np.abs(self.x) / self.width) ** 2.2 + below + above - 1)

    def skull_outline(self, extra: float | Field) -> Field:
        width = self.head.width + extra
        top = _SKULL + extra
        return np.asarray(
            (np.abs(self.x) / width) ** 2.4 + (np.abs(self.y + 0.15) / (top - 0.15)) ** 2.4 - 1
        )

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, power: float = 2.0) -> Field:
        u, v = np.abs(self.fx - cx) / rx, np.abs(self.y - cy) / ry
        return np.asarray(u**power + v**power - 1)

    # Colors.

    def albedo(self, lids: float = 0.0, mouth: float = 0.0) -> tuple[Field, Field, Field]:
        """Return color without light, opacity and bare skin, with lids or mouth partly changed."""
        canvas = Canvas(self.x.shape)
        hair = hair_color(self.scene)
        if self.hair.style == "long":
            self._mane(canvas, hair)
        self._face(canvas)
        self._eyes(canvas, lids, hair)
        self._nostrils(canvas)
        self._mouth(canvas, mouth)
        self._beard(canvas, hair, mouth)
        self._crop(canvas, hair)
        if self.hair.glasses > 0:
            self._glasses(canvas)
        return canvas.color, canvas.alpha, canvas.skin

    def _strands(self, color: NDArray[np.float64], name: str) -> Field:
        contrast = self.hair.streaks
        tone = self.noise(name, 0.035, 0.35) + 0.7 * self.noise(name + ".locks", 0.15, 0.7)
        tone = 1 + contrast * np.clip(tone, -2, 2)
        return np.asarray(np.clip(np.multiply.outer(color, tone), 0.01, 1), np.float32)

    def _mane(self, canvas: Canvas, hair: NDArray[np.float64]) -> None:
        """Paint long hair behind the face, with a gap in the middle for the neck."""
        half = self.head.width + self.hair.volume + 0.05 * self.noise("mane", 2.0, 0.5)
        fall = (np.abs(self.x) / half) ** 4 + (np.clip(self.y - 0.6, 0, None) / 1.0) ** 4 - 1
        outline = np.where(self.y < -0.15, self.skull_outline(self.hair.volume), fall)
        neck = (np.abs(self.x) / (self.head.width * 0.85)) ** 4 - np.clip(4 * self.y, 0, 1)
        outline = np.maximum(outline, -neck)
        canvas.paint(cover(outline), self._strands(hair, "strands"), skin=0)

    def _face(self, canvas: Canvas) -> None:
        skin = self.scene.skin
        base = skin_color(skin)
        tone = skin.mottling * self.noise("mottling", 0.4, 0.35)
        fine = self.noise("grain", 0.05, 0.05) + self.noise("pores", 0.02, 0.02)
        tone += 0.5 * skin.grain * fine
        x, y = self.fx, self.y
        flush = bump((np.abs(x) - 0.42) / 0.22) * bump((y - 0.25) / 0.2)
        flush += 0.6 * bump(x / 0.12) * bump((y - 0.3) / 0.12)
        eye_y = -self.head.eye_height
        hollow = bump((np.abs(x) - self.head.eye_distance) / 0.2) * bump((y - eye_y - 0.05) / 0.14)
        # Cheeks and nose absorb more green and blue than red; the eye sockets are darker.
        flushed = np.multiply.outer(np.array([0.01, -0.09, -0.06], np.float32), flush)
        sunken = np.multiply.outer(np.array([0.11, 0.14, 0.13], np.float32), hollow)
        rows = np.asarray(base, np.float32)[:, None, None]
        color = np.clip(rows * (1 + tone + flushed - sunken), 0, 1)
        if self.head.ears > 0.02:
            ears = cover(
                ((np.abs(x) - self.head.width * 0.97) / (0.07 + self.head.ears)) ** 2
                + ((y - 0.02) / 0.25) ** 2
                - 1
            )
            canvas.paint(ears, color * np.float32(0.92), skin=1)
        canvas.paint(cover(self.face_outline()), color, skin=1)

    def _eyes(self, canvas: Canvas, lids: float, hair: NDArray[np.float64]) -> None:
        head = self.head
        skin = skin_color(self.scene.skin)
        size = head.eye_size
        y0 = -head.eye_height
        for side in (-1, 1):
            cx = side * head.eye_distance
            u = (self.fx - cx) / size
            v = (self.y - y0) / size
            arc = np.clip(1 - u**2, 0, None)
            upper = -head.eye_opening * arc
            lower = 0.55 * head.eye_opening * arc
            upper = upper + lids * (lower - upper)
            opening = np.maximum(upper - v, v - lower)
            outside = np.maximum(opening, np.abs(u) - 1)
            # The crease and shadow of a lid, and the line of the lashes along its edge.
            crease = bump((v + head.eye_opening * arc + 0.32) / 0.12) * (np.abs(u) < 1.2)
            canvas.tint(0.35 * crease * arc, skin * 0.45)
            eye = cover(outside * size)
            canvas.paint(eye, grey(0.80), skin=0)
            radius = 0.46
            round_ = np.hypot(u, v + 0.06) - radius
            tone = np.array([0.42, 0.33, 0.24]) * (1.15 - head.iris)
            canvas.paint(eye * cover(round_ * size), tone + 0.02, skin=0)
            canvas.paint(eye * cover((round_ + 0.26) * size), grey(0.02), skin=0)
            glint = np.hypot(u - 0.14, v + 0.2) - 0.09
            canvas.paint(eye * cover(glint * size), grey(0.9), skin=0)
            lash = bump((v - upper) / 0.11) * step(1.15 - np.abs(u), 0, 0.25)
            canvas.tint(0.85 * lash, hair * 0.12 + 0.02)
            canvas.tint(0.3 * bump((v - lower) / 0.1) * (np.abs(u) < 1), skin * 0.4)
            # The brow is an arc that becomes thinner outwards.
            span = (self.fx * side - head.eye_distance) / (size * 1.35)
            middle = y0 - head.brow_height - 0.03 * (1 - (span - 0.15) ** 2)
            thick = head.brow_thickness * (1.1 - 0.45 * np.clip(span + 0.3, 0, 1.3))
            brow = cover(0.7 * (np.abs(self.y - middle) - thick))
            brow = brow * step(1.05 - np.abs(span), 0, 0.3)
            dense = np.clip(head.brow_density * (1 + 0.3 * self.noise("brow", 0.03, 0.06)), 0, 1)
            canvas.paint(brow * dense, mix(hair, skin * 0.3, 0.6), skin=_HAIR_SKIN)

    def _nostrils(self, canvas: Canvas) -> None:
        head = self.head
        dark = skin_color(self.scene.skin) * np.array([0.34, 0.22, 0.2])
        tip = -head.eye_height + head.nose_length
        for side in (-1, 1):
            hole = cover(self.ellipse(side * head.nose_width * 0.5, tip + 0.055, 0.05, 0.026))
            canvas.paint(0.85 * hole, dark, skin=0.3)
            wing = head.nose_width * 0.62
            fold = bump((np.hypot(self.fx - side * wing, self.y - tip) - 0.085) / 0.02)
            canvas.tint(0.35 * fold * (side * self.fx > wing), dark)
        under = bump(self.fx / (head.nose_width * 0.9)) * bump((self.y - tip - 0.09) / 0.035)
        canvas.tint(0.3 * under, dark)

    def _mouth(self, canvas: Canvas, opening: float) -> None:
        head = self.head
        skin = skin_color(self.scene.skin)
        lip = skin * (1 - head.lip_colour * np.array([0.25, 0.52, 0.42]))
        u = self.fx / (head.mouth_width * (1 - 0.12 * opening))
        arc = np.clip(1 - u**2, 0, None)
        gap = 0.13 * opening * arc
        line = head.mouth_height + 0.02 * (np.abs(u) - 0.4)
        above = line - self.y
        below = self.y - line - gap
        bow = arc**0.7 * (1 - 0.25 * bump(u / 0.15))
        upper = np.maximum(-above, above - head.lips * 0.8 * bow)
        lower = np.maximum(-below, below - head.lips * 1.15 * arc)
        canvas.paint(cover(np.maximum(np.minimum(upper, lower), np.abs(u) - 1)), lip, skin=0.8)
        if opening > 0:
            inside = np.maximum(np.maximum(above, -above - gap), np.abs(u) - 1)
            canvas.paint(cover(inside), np.array([0.16, 0.05, 0.05]), skin=0)
            teeth = np.maximum(np.maximum(above, -above - 0.4 * gap), np.abs(u) - 0.7)
            canvas.paint(cover(teeth), grey(0.75), skin=0)
        seam = bump((self.y - line) / 0.02) * step(1.1 - np.abs(u), 0, 0.2)
        canvas.tint((0.75 - 0.4 * opening) * seam, skin * np.array([0.3, 0.17, 0.17]))
        canvas.tint(0.22 * bump(u / 0.8) * bump((below - head.lips * 1.5) / 0.05), skin * 0.4)

    def _beard(self, canvas: Canvas, hair: NDArray[np.float64], opening: float) -> None:
        head = self.head
        if self.hair.beard == 0 and self.hair.moustache == 0:
            return
        y = self.y - 0.1 * opening * step(self.y, head.mouth_height, head.mouth_height + 0.1)
        rough = np.clip(0.8 + 0.25 * self.noise("beard", 0.05, 0.07), 0, 1)
        line = 0.28 + 0.5 * bump(self.fx / 0.35) * (y < 0.75)
        cheeks = step(y, line, line + 0.15) * cover(self.face_outline() - 0.02)
        lips = cover(self.ellipse(0, head.mouth_height + 0.02, head.mouth_width * 1.02, 0.13))
        canvas.paint(self.hair.beard * cheeks * (1 - lips) * rough, hair * 0.85, skin=_HAIR_SKIN)
        middle = head.mouth_height - head.lips - 0.05
        bar = cover(self.ellipse(0, middle, head.mouth_width * 1.15, 0.065, 2.5))
        canvas.paint(self.hair.moustache * bar * rough, hair * 0.85, skin=_HAIR_SKIN)

    def _crop(self, canvas: Canvas, hair: NDArray[np.float64]) -> None:
        """Paint the hair on the skull, with a gap for the face."""
        style = self.hair.style
        x, y, width = self.x, self.y, self.head.width
        volume = {"bald": 0.0, "buzz": 0.02}.get(style, self.hair.volume)
        height = {"bald": 1.5, "fringe": 0.5}.get(style, self.hair.hairline)
        ragged = 0.012 * self.noise("hairline", 0.05, 5.0) + 0.03 * self.noise("locks", 0.3, 5.0)
        lean = self.hair.parting * x
        hairline = -height + 0.35 * (np.abs(x) / width) ** 3 + lean * (style != "bald") + ragged
        side = {"long": 0.10, "fringe": 0.08}.get(style, 0.05)
        bottom = {"long": 0.5, "fringe": 0.55, "bald": 0.15}.get(style, 0.1)
        taper = 1 - step(y, bottom - 0.55, bottom)  # closer to the head at the bottom
        sides = np.abs(x) - width + side * taper + 0.012 * self.noise("sides", 5.0, 0.1)
        opening = np.maximum(np.maximum(hairline - y, sides), self.face_outline())
        skull = self.skull_outline(volume if style == "long" else volume * taper)
        outline = np.maximum(skull, np.maximum(-opening, y - bottom))
        dense = {"bald": 0.5, "buzz": 0.6}.get(style, 1.0)
        strands = self._strands(hair, "front")
        canvas.paint(dense * cover(outline), strands, skin=_HAIR_SKIN * (1 - dense))

    def _glasses(self, canvas: Canvas) -> None:
        hair, head = self.hair, self.head
        y0 = -head.eye_height + 0.04
        height = hair.lens * 0.78
        frame = mix(grey(0.7), hsv(hair.dye_hue, 0.3, 0.06), hair.frame_darkness)
        left, right = (
            self.ellipse(side * (head.eye_distance + 0.015), y0, hair.lens, height, hair.lens_shape)
            for side in (-1, 1)
        )
        distance: Field = np.minimum(left, right) * np.float32(hair.lens / 2.5)  # near the rim
        streaks = self.noise("glare", 0.35, 0.25) + 1.2 * (self.fx - self.y)
        glare = hair.glare * step(streaks, 0.5, 1.6)
        canvas.paint((0.06 + glare) * cover(distance), grey(0.85), skin=0.5)
        thick = np.float32(hair.glasses)
        rim = cover(np.abs(distance) - thick)
        bar = cover(np.abs(self.y - np.float32(y0 - 0.035)) - thick)
        bridge = bar * (np.abs(self.fx) < head.eye_distance - hair.lens + 0.02)
        arms = bar * (np.abs(self.fx) > head.eye_distance + hair.lens)
        arms = arms * cover(np.abs(self.x) - np.float32(head.width))
        canvas.paint(np.clip(rim + bridge + arms, 0, 1), frame, skin=0)

    def perfusion(self) -> Field:
        """Return the strength of the pulse: uneven, and higher on forehead and cheeks."""
        x, y = self.fx, self.y
        forehead = bump(x / 0.5) * bump((y + 0.62) / 0.25)
        cheeks = bump((np.abs(x) - 0.42) / 0.24) * bump((y - 0.22) / 0.25)
        rich = forehead + cheeks - 0.4 + 0.6 * self.noise("perfusion", 0.5, 0.5)
        return np.asarray(np.clip(1 + self.scene.pulse.unevenness * rich, 0.1, None), np.float32)

    # Light.

    def relief(self) -> Field:
        """Return the height towards the camera, head units."""
        head, x, y = self.head, self.fx, self.y
        r2 = (self.x / (head.width * 1.06)) ** 2 + (np.abs(y + 0.1) / 1.2) ** 2.2
        ball = 0.75 * np.sqrt(np.clip(1 - r2, 0.03, None))
        eye_y = -head.eye_height
        tip = eye_y + head.nose_length
        ridge = step(y, eye_y - 0.05, tip) * (1 - step(y, tip, tip + 0.1))
        width = 0.055 + (head.nose_width * 0.62 - 0.055) * step(y, eye_y, tip)
        nose = 0.05 * bump(x / 0.07) * bump((y - eye_y) / 0.25) + 0.2 * ridge * bump(x / width)
        eyes = bump((np.abs(x) - head.eye_distance) / 0.17) * bump((y - eye_y) / 0.13)
        brows = bump((np.abs(x) - 0.25) / 0.25) * bump((y - eye_y + 0.2) / 0.09)
        cheeks = bump((np.abs(x) - 0.42) / 0.2) * bump((y - 0.2) / 0.18)
        lips = bump(x / 0.22) * bump((y - head.mouth_height) / 0.1)
        fold = bump((np.abs(x) - 0.2 - 0.25 * (y - 0.25)) / 0.035) * bump((y - 0.42) / 0.17)
        chin = bump(x / 0.2) * bump((y - 0.86) / 0.11)
        return np.asarray(
            ball
            + nose
            - 0.07 * eyes
            + 0.03 * brows
            + 0.05 * cheeks
            + 0.035 * lips
            - 0.012 * fold
            + 0.05 * chin
        )

    def light(self, depth: Field) -> tuple[Field, Field, Field, Field]:
        """Return shade, specular light, and the change of shade per radian of yaw and of pitch."""
        lamp = self.scene.light
        gy, gx = np.gradient(depth / self.pixel)
        tilt = self.head.tilt
        cos, sin = math.cos(tilt), math.sin(tilt)
        # The grid may be rotated by the head's tilt; the lamp does not rotate.
        nx = -(cos * gx - sin * gy)
        ny = -(sin * gx + cos * gy)
        size = np.sqrt(nx**2 + ny**2 + 1)
        nx, ny, nz = nx / size, ny / size, 1 / size
        lx = math.sin(lamp.azimuth) * math.cos(lamp.elevation)
        ly = -math.sin(lamp.elevation)
        lz = math.cos(lamp.azimuth) * math.cos(lamp.elevation)
        facing = nx * lx + ny * ly + nz * lz
        diffuse = 1 - lamp.ambient
        linear = lamp.ambient * (0.82 + 0.18 * nz) + diffuse * np.clip(facing, 0, None) * 1.25
        linear = np.clip(linear, 0.03, None)
        shade = linear**GAMMA
        # Direction halfway between the lamp and the viewer, who is at (0, 0, 1).
        half = math.sqrt(2 + 2 * lz)
        hx, hy, hz = lx / half, ly / half, (lz + 1) / half
        mirror = np.clip(nx * hx + ny * hy + nz * hz, 0, None) ** 28
        bare = cover(self.face_outline())
        shine = 0.35 * self.scene.skin.shine * mirror * bare * (0.6 + 0.4 * diffuse)
        slope = GAMMA * shade / linear * diffuse * 1.25 * (facing > 0)
        return shade, shine, slope * (nz * lx - nx * lz), slope * (nz * ly - ny * lz)
