"""Fit and evaluate the confidence of a reading."""
