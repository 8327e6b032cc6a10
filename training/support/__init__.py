"""Helpers of all training commands: errors, files, several processes."""
