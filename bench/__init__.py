"""What ``make bench`` runs: figures for people, never assertions; ratios of one run."""
