"""Paint the surroundings of the head: neck, clothes and background."""

from __future__ import annotations

import math

import numpy as np

from training.synthetic.paint import Canvas, Field, bump, cover, hsv, noise, step
from training.synthetic.pigments import skin_color
from training.synthetic.scene import Scene


def paint_body(scene: Scene, x: Field, y: Field) -> Canvas:
    """Paint neck, chest and clothes in head units; ``skin`` is 1 where they are bare."""
    body, head = scene.body, scene.head
    canvas = Canvas(x.shape)
    neck = body.neck * head.width
    skin = np.asarray(skin_color(scene.skin), np.float32)[:, None, None]
    side = 1 + 0.25 * math.sin(scene.light.azimuth) * np.clip(x / neck, -1, 1)
    # Dark under the chin and towards the edges.
    shade = (0.62 + 0.3 * step(y, 0.9, 1.6)) * side
    shade = shade * (1 - 0.2 * np.clip(np.abs(x) / neck, 0, 1) ** 4)
    collar = 1.42
    spread = neck + 1.6 * np.clip(y - collar + 0.12, 0, None) ** 1.5
    spread = np.minimum(spread, 1.4)  # the rest is under the clothes
    canvas.paint(cover(np.maximum(np.abs(x) - spread, 0.2 - y)), skin * shade, skin=1)
    drop = collar + body.shoulders * np.clip(np.abs(x) - neck, 0, None)
    drop += 0.9 * np.clip(np.abs(x) - 1.7, 0, None) ** 2
    opening = body.neckline * np.clip(1 - np.abs(x) / neck, 0, None) + 0.12 * bump(x / neck)
    color = np.asarray(hsv(body.hue, body.saturation, body.value), np.float32)[:, None, None]
    light = (1 + 0.12 * _noise(scene, "folds", x, y, 0.5, 0.7)) * (0.8 + 0.2 * step(y, 1.4, 2.2))
    clothes = np.clip(color * (1 + body.contrast * _pattern(scene, x, y)) * light, 0.01, 1)
    canvas.paint(cover(np.asarray(drop + opening - y, np.float32)), clothes, skin=0)
    return canvas


def paint_background(scene: Scene, x: Field, y: Field) -> Field:
    """Paint the background, float32 (3, H, W)."""
    back = scene.background
    base = np.asarray(hsv(back.hue, back.saturation, back.value), np.float32)[:, None, None]
    if back.kind == "wall":
        tone = 0.15 * back.contrast * _noise(scene, "wall", x, y, 3 * back.scale, 3 * back.scale)
        return np.asarray(np.clip(base * (1 + tone), 0.01, 1))
    if back.kind == "blurred":
        planes = [
            back.contrast * _noise(scene, f"blurred.{name}", x, y, back.scale, back.scale)
            for name in ("light", "red", "blue")
        ]
        light, u, v = planes
        tones = np.stack([light + 0.4 * u, light, light + 0.4 * v])
        return np.asarray(np.clip(base * (1 + 0.6 * tones), 0.01, 1))
    return _clutter(scene, base, x, y)


def _clutter(scene: Scene, base: Field, x: Field, y: Field) -> Field:
    """Paint boxes and discs in front of a wall."""
    back = scene.background
    random = scene.stream("paint.clutter")
    canvas = Canvas(x.shape)
    canvas.paint(np.ones(x.shape, np.float32), np.broadcast_to(base, canvas.color.shape), skin=0)
    for _ in range(round(back.objects)):
        cx, cy = float(random.uniform(-3.5, 3.5)), float(random.uniform(-2.5, 2.5))
        rx, ry = back.scale * random.uniform(0.15, 0.8, 2)
        power, angle = random.choice([2.0, 8.0]), random.choice([0.0, random.uniform(-0.5, 0.5)])
        hue = back.hue + random.normal() * 0.15
        value = np.clip(back.value + back.contrast * random.normal(), 0.03, 1)
        color = hsv(hue, min(1.0, back.saturation * random.uniform(0.3, 2)), float(value))
        u = math.cos(angle) * (x - cx) + math.sin(angle) * (y - cy)
        v = math.cos(angle) * (y - cy) - math.sin(angle) * (x - cx)
        outline = (np.abs(u) / np.float32(rx)) ** power + (np.abs(v) / np.float32(ry)) ** power - 1
        canvas.paint(cover(outline), color, skin=0)
    return canvas.color


def _pattern(scene: Scene, x: Field, y: Field) -> Field:
    body = scene.body
    if body.pattern == "stripes":
        return np.asarray(np.sign(np.sin(2 * np.pi * y / body.scale)))
    if body.pattern == "checks":
        angle = 2 * np.pi / body.scale
        return np.asarray(0.5 * np.sign(np.sin(angle * x)) + 0.5 * np.sign(np.sin(angle * y)))
    if body.pattern == "blotches":
        return _noise(scene, "pattern", x, y, body.scale, body.scale)
    return np.zeros_like(x)


def _noise(scene: Scene, name: str, x: Field, y: Field, scale_x: float, scale_y: float) -> Field:
    return noise(scene.stream(f"paint.{name}"), x, y, scale_x, scale_y)
