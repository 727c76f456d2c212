"""Fixtures of the tests that need a Prefect server."""

from tests.prefect.server import _prefect_server

__all__ = ["_prefect_server"]
