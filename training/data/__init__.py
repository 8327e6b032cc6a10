"""Data to learn from: the synthetic-video generator and its cache of clips."""
