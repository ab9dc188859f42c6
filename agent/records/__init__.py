"""What is recorded, as those who act and those who look see it: the one door to the ledger at hand."""
