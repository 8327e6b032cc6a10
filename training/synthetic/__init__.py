"""Drawn faces with a known pulse, seen by a procedural camera."""
