"""Tests of the engine, stage by stage, through the Python module and as native programs."""
