"""Train networks: the training loop, its batches and its commands."""
