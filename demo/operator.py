"""The person at the offline machine, played with ``trustwright-root`` in a folder of its own."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from demo.programs import Demo
from trustwright.ceremony.words import digest_words

ENVIRONMENTS = {"test": "1.3.6.1.4.1.32473.1.1", "prod": "1.3.6.1.4.1.32473.1.2"}
"""Environments and their policy OIDs, under the number that RFC 5612 keeps for documentation."""


class OfflineOperator:
    """Holds the root's folder and its passphrase, which nothing else in the demo sees."""

    def __init__(self, folder: Path, demo: Demo) -> None:
        self.folder = folder
        self._demo = demo
        self._passphrase = " ".join(digest_words(secrets.token_hex(32))[:12])
        folder.mkdir(mode=0o700)

    @property
    def passphrase(self) -> str:
        """Return the passphrase, for the search that proves that it is nowhere online."""
        return self._passphrase

    def leave_passphrase(self) -> str:
        """Write the passphrase where the person at the gate finds it; return the file's name."""
        file = self.folder / "passphrase"
        file.touch(mode=0o600)
        file.write_text(f"{self._passphrase}\n")
        return file.name

    def words(self, digest: str) -> list[str]:
        """Return a digest's words, as the offline machine shows them."""
        return digest_words(digest)

    def make_root(self) -> str:
        """Create the offline root; return its certificate's PEM."""
        named = [f"--environment={name}={name}.example.internal" for name in ENVIRONMENTS]
        policies = [f"--policy-oid={name}={oid}" for name, oid in ENVIRONMENTS.items()]
        self._root("init", "--organization", "Example", *named, *policies)
        shown = json.loads(self._root_public("show", "--json"))
        self._demo.say(f"Offline root created: {shown['subject']}, {shown['fingerprint'][:23]}…")
        return self._root_public("show", "--certificate")

    def sign(self, request: Path) -> Path:
        """Review and sign a carried request; return the response file."""
        carried = self.folder / request.name
        carried.write_bytes(request.read_bytes())
        review = json.loads(self._root_public("review", str(carried), "--json"))
        words, shown = " ".join(review["words"][:8]), " ".join(review["words"][:4])
        self._root(
            "sign",
            str(carried),
            "--confirm-environment",
            review["environment"],
            "--confirm-words",
            words,
        )
        self._demo.say(f"Offline: reviewed and signed {request.name} (digest {shown} …)")
        return Path(str(carried).replace(".request.", ".response."))

    def _root(self, *arguments: str) -> str:
        return self._demo.root(
            "--folder", "root", *arguments, cwd=self.folder, passphrase=self._passphrase
        )

    def _root_public(self, *arguments: str) -> str:
        return self._demo.run_root_public("--folder", "root", *arguments, cwd=self.folder)
