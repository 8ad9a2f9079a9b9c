"""What theory expects of a run: closed forms, integrals, and the table that checks the simulator against them."""
