"""Serve every flow from a container of its own: ``python -m deployments.alone``.

Every process of a run dies with the container: what claims to be at work when the next one starts
is set to Crashed, so that nobody waits for it. One such runner for one Prefect server.
"""

from __future__ import annotations

from deployments import serve
from trustwright.prefect_api import PrefectApi
from trustwright.prefect_api.strays import end_strays
from trustwright.settings import Settings


def main() -> None:
    """End what the last runner left, then serve."""
    settings = Settings.from_environment()
    end_strays(PrefectApi(settings.prefect_api, settings.prefect_auth))
    serve.main()


if __name__ == "__main__":
    main()
