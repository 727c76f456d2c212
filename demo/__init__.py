"""``make demo``: a two-environment PKI from nothing, on this machine, in about a minute."""
