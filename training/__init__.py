"""The learning half of the project: data, training, export. Needs PyTorch."""
