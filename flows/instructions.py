"""The downloadable request artifact."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact

from trustwright.ceremony.page import gate_page
from trustwright.model.ceremony import CeremonyRecord


def publish_request(ceremony: CeremonyRecord) -> None:
    """Publish the request and its commands as the artifact ``ceremony-<environment>``."""
    create_markdown_artifact(
        key=f"ceremony-{ceremony.environment}",
        markdown=gate_page(ceremony),
        description=f"Ceremony request of {ceremony.environment}",
    )
