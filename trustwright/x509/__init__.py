"""X.509 as pure functions: profiles, keys, parsing, building, certification paths, CRLs, lints.

Nothing here reads a file, a clock or the network; times and keys come in as arguments. Import the
module that you need: this package loads none of them by itself.
"""
