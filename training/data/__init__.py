"""Clips and recordings: store, read and prepare them, split them by person, put a pulse in."""
