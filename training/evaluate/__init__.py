"""Evaluate heart rates of recordings: measures, tables, figures, and the scoreboard."""
