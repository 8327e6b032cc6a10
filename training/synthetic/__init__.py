"""Synthetic clips: drawn faces with a known pulse, seen by a simulated camera."""
