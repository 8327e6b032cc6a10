"""Training of the networks: data, training, export, evaluation. Needs PyTorch."""
