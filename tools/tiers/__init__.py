"""What `./dev test` runs: the table of tiers, their builds, and how their results are counted."""
