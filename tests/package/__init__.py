"""Tests of the Python package as its users see it."""
