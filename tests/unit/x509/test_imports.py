"""The package stays light: importing one module brings only what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("prefect", "hvac", "sqlalchemy", "requests", "aiohttp", "click", "apprise", "ruamel")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("trustwright.x509", ("cryptography", "pydantic")),
        ("trustwright.x509.profiles", ("cryptography",)),
        ("trustwright.x509.parse", ("pydantic", "trustwright.x509.lint")),
        ("trustwright.x509.build", ("pydantic", "trustwright.x509.lint")),
        ("trustwright.x509.crl", ("pydantic", "trustwright.x509.lint")),
        ("trustwright.x509.path", ("pydantic", "trustwright.x509.lint")),
        ("trustwright.x509.lint", ("pydantic",)),
        ("trustwright.x509.lint.house", ("pydantic",)),
    ],
)
def test_a_module_brings_only_what_it_needs(module: str, absent: tuple[str, ...]) -> None:
    """Measured in a fresh interpreter."""
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines())
    assert loaded.isdisjoint({*absent, *HEAVY})
