"""The use cases: each asks the record whether it is done, acts, checks, records.

Nothing here knows Prefect, Vault's client, SQL or files: it speaks to `trustwright.ports`. Every
function can be run again from the top, after a crash at any call, and converges.
"""
