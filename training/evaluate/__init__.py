"""Heart rates of recordings beside the truth: measures, tables, figures, the scoreboard."""
