"""Clips and recordings: stored, read, prepared, split by person, with a pulse put in."""
