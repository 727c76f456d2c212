"""Thin Prefect steps: each assembles the ports and makes one call into the lifecycle.

No task persists a result and none takes or returns a secret: parameters are names, results are
identifiers and counts. What must survive a crash is in the store.
"""
