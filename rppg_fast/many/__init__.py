"""Measure many videos, in several processes, with results that survive any interruption."""
