"""Protocols that the lifecycle speaks to; adapters fulfil them, fakes stand in for unit tests.

Every call through a port is a boundary at which the process may die: the kill tests enumerate them.
All adapters raise only `trustwright.errors` exceptions.
"""

from __future__ import annotations

from trustwright.ports.assembled import Ports
from trustwright.ports.delivery import Delivered, DeliverySet, Target
from trustwright.ports.endpoints import Presented, Prober
from trustwright.ports.people import Event, Events, Notice, Notifier, Runs
from trustwright.ports.store import Agenda, Census, Records, Rows
from trustwright.ports.vault import (
    AdminSigner,
    AnchorSigner,
    Capabilities,
    IssuerFacts,
    KeyHandle,
    Provisioner,
    Rotator,
    Signer,
    SignOrder,
)

__all__ = [
    "AdminSigner",
    "Agenda",
    "AnchorSigner",
    "Capabilities",
    "Census",
    "Delivered",
    "DeliverySet",
    "Event",
    "Events",
    "IssuerFacts",
    "KeyHandle",
    "Notice",
    "Notifier",
    "Ports",
    "Presented",
    "Prober",
    "Provisioner",
    "Records",
    "Rotator",
    "Rows",
    "Runs",
    "SignOrder",
    "Signer",
    "Target",
]
