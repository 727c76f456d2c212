"""Alembic's folder: `env.py` and one file per schema revision in `versions`, counted up.

A published revision is never edited. A new one comes with a change of `trustwright.store.tables`
and of `trustwright.store.revision.HEAD`; the tests compare the migrated schema with the tables.
"""
