"""The first schema: environments, issuers, ceremonies, intents, certificates, deliveries, audit."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NAMES = sa.JSON().with_variant(JSONB(), "postgresql")


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=optional)


def _moment(name: str, *, optional: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=optional)


def _number(name: str, *, big: bool = True, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger() if big else sa.Integer(), nullable=optional)


def _primary(table: str, column: str = "id") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=f"{table}_pkey")


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"{table}_{column}_fkey")


def _index(name: str, table: str, *columns: str) -> None:
    op.create_index(name, table, list(columns))


def _unique(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        name,
        table,
        list(columns),
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    _environments_and_issuers()
    _ceremonies()
    _intents()
    _certificates()
    _deliveries_and_audit()


def _environments_and_issuers() -> None:
    op.create_table(
        "environments",
        _text("name"),
        _text("phase"),
        _number("generation", big=False),
        _text("holder", optional=True),
        _moment("held_since", optional=True),
        _moment("updated"),
        _number("version"),
        _primary("environments", "name"),
    )
    op.create_table(
        "issuers",
        _text("id"),
        _text("environment"),
        _number("generation", big=False),
        _text("state"),
        _text("key_id"),
        _text("spki"),
        _text("issuer_id", optional=True),
        _text("certificate", optional=True),
        _text("anchor", optional=True),
        _text("anchor_serial", optional=True),
        _moment("anchor_not_before", optional=True),
        _text("canary", optional=True),
        _moment("updated"),
        _number("version"),
        _reference("issuers", "environment", "environments.name"),
        _primary("issuers"),
    )
    _unique("issuers_generation_key", "issuers", "environment", "generation")


def _ceremonies() -> None:
    op.create_table(
        "ceremonies",
        _text("id"),
        _text("environment"),
        _text("kind"),
        _number("generation", big=False, optional=True),
        _text("state"),
        _text("request"),
        _text("response", optional=True),
        _number("refusals"),
        _text("refusal"),
        _text("flow_run", optional=True),
        _moment("created"),
        _moment("expires"),
        _moment("closed", optional=True),
        _number("version"),
        _primary("ceremonies"),
    )
    _unique(
        "ceremonies_pending_key", "ceremonies", "environment", "kind", where="state = 'pending'"
    )
    _index("ceremonies_environment_idx", "ceremonies", "environment", "kind", "state")
    _index("ceremonies_state_idx", "ceremonies", "state", "expires")


def _intents() -> None:
    op.create_table(
        "intents",
        _text("id"),
        _text("kind"),
        _text("environment"),
        _text("issuer"),
        _text("role"),
        _text("purpose"),
        _text("subject"),
        _text("slot"),
        _text("spki"),
        sa.Column("names", _NAMES, nullable=False),
        _text("state"),
        _text("serial", optional=True),
        _text("actor"),
        _text("note"),
        _moment("opened"),
        _moment("closed", optional=True),
        _number("version"),
        _reference("intents", "issuer", "issuers.id"),
        _primary("intents"),
    )
    _unique("intents_open_key", "intents", "slot", where="state = 'open'")
    _index("intents_state_idx", "intents", "state", "environment")
    _index("intents_serial_idx", "intents", "serial")


def _certificates() -> None:
    op.create_table(
        "certificates",
        _text("id"),
        _text("environment"),
        _text("issuer"),
        _text("serial"),
        _text("role"),
        _text("purpose"),
        _text("subject"),
        _text("owner"),
        sa.Column("names", _NAMES, nullable=False),
        _text("spki"),
        _moment("not_before"),
        _moment("not_after"),
        _text("state"),
        _text("pem"),
        _text("intent"),
        _moment("recorded"),
        _moment("revoked", optional=True),
        _number("version"),
        _reference("certificates", "issuer", "issuers.id"),
        _primary("certificates"),
    )
    _unique("certificates_serial_key", "certificates", "issuer", "serial")
    _index("certificates_subject_idx", "certificates", "environment", "subject", "state")
    _index("certificates_owner_idx", "certificates", "owner", "state")
    _index("certificates_expiry_idx", "certificates", "state", "not_after")
    _index("certificates_serial_idx", "certificates", "serial")
    _index("certificates_intent_idx", "certificates", "intent")


def _deliveries_and_audit() -> None:
    op.create_table(
        "deliveries",
        _text("id"),
        _text("environment"),
        _text("consumer"),
        _text("target"),
        _text("state"),
        _number("number"),
        _text("serial", optional=True),
        _text("manifest", optional=True),
        _text("trust", optional=True),
        _moment("crl_until", optional=True),
        _text("problem"),
        _text("holder", optional=True),
        _moment("held_since", optional=True),
        _moment("updated"),
        _number("version"),
        _primary("deliveries"),
    )
    _index("deliveries_environment_idx", "deliveries", "environment", "state")
    op.create_table(
        "audit",
        _text("id"),
        _moment("at"),
        _text("event"),
        _text("environment"),
        _text("subject"),
        _text("actor"),
        _text("detail"),
        _number("version"),
        _primary("audit"),
    )
    _index("audit_at_idx", "audit", "at")
    _index("audit_subject_idx", "audit", "environment", "subject")
    _index("audit_event_idx", "audit", "event")


def downgrade() -> None:
    for table in (
        "audit",
        "deliveries",
        "certificates",
        "intents",
        "ceremonies",
        "issuers",
        "environments",
    ):
        op.drop_table(table)
