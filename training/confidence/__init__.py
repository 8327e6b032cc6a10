"""What the confidence of a reading is fitted to, the fit, and what it is worth."""
