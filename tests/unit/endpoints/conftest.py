"""What endpoints present."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.stacks import Credential
from tests.stacks_selftest.pki import SERVER, create_environment, create_root, domain

NAME = f"web.{domain('prod')}"


@dataclass(frozen=True)
class Shown:
    """A credential and the two PEM blocks of its chain file."""

    credential: Credential
    leaf: str
    intermediate: str


@pytest.fixture(scope="session", name="shown")
def shown_files(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Return what a server presents: leaf and intermediate."""
    folder = tmp_path_factory.mktemp("endpoints")
    prod = create_environment("prod", create_root(), folder / "prod")
    credential = prod.issue("web", NAME, SERVER)
    end = "-----END CERTIFICATE-----\n"
    leaf, intermediate, _ = credential.chain.read_text().split(end)
    return Shown(credential, leaf + end, intermediate + end)
