"""Tests of the C interface, its examples and the program over it."""
