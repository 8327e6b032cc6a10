"""Teacher and student, their losses, checkpoints and weights files."""
