"""Trustwright: the life of a private PKI (offline root, one intermediate per environment)."""

__version__ = "0.1.0"
