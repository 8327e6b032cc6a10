"""Tests of what the project says of itself: pages, messages, promises, folders, results."""
