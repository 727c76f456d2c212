"""Protocols that the lifecycle speaks to; adapters fulfil them, fakes stand in for unit tests.

Every call through a port is a boundary at which the process may die: the kill tests enumerate them.
All adapters raise only `trustwright.errors` exceptions.
"""

from __future__ import annotations

from trustwright.ports.assembled import Ports
from trustwright.ports.delivery import Bundles, Delivered, DeliverySet, Target
from trustwright.ports.endpoints import POSTPONED, Look, Presented, Prober
from trustwright.ports.people import Event, Events, Notice, Notifier, Runs
from trustwright.ports.secrets import Secret, Secrets
from trustwright.ports.store import Agenda, Census, Inventory, Recorded, Records, Rows
from trustwright.ports.vault import (
    AdminSigner,
    AnchorSigner,
    Capabilities,
    HostLogin,
    IssuerFacts,
    KeyHandle,
    Provisioner,
    Rotator,
    Signer,
    SignOrder,
)
from trustwright.ports.witness import Signing, Testimony, Witness

__all__ = [
    "POSTPONED",
    "AdminSigner",
    "Agenda",
    "AnchorSigner",
    "Bundles",
    "Capabilities",
    "Census",
    "Delivered",
    "DeliverySet",
    "Event",
    "Events",
    "HostLogin",
    "Inventory",
    "IssuerFacts",
    "KeyHandle",
    "Look",
    "Notice",
    "Notifier",
    "Ports",
    "Presented",
    "Prober",
    "Provisioner",
    "Recorded",
    "Records",
    "Rotator",
    "Rows",
    "Runs",
    "Secret",
    "Secrets",
    "SignOrder",
    "Signer",
    "Signing",
    "Target",
    "Testimony",
    "Witness",
]
