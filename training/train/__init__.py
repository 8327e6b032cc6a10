"""Training: the loop, its batches and its commands."""
