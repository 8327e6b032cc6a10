"""What every command of training shares: errors, files, several processes."""
