"""What many runs say: ratios, intervals and verdicts."""
