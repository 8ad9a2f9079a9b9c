"""The verbs: one run, many runs, paired runs of several policies, and sweeps."""
