"""Findings, breakers, sweeps; when a set was looked at; what is due and the inventory, by index."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TEXTS = sa.JSON().with_variant(JSONB(), "postgresql")
_INDEXES = (
    ("certificates_due_idx", "certificates", "environment role state not_after id"),
    ("certificates_expiry_idx", "certificates", "not_after id"),
    ("certificates_environment_idx", "certificates", "environment not_after id"),
    ("certificates_issuer_idx", "certificates", "issuer not_after id"),
    ("certificates_owner_idx", "certificates", "owner not_after id"),
    ("certificates_state_idx", "certificates", "state not_after id"),
    ("certificates_recorded_idx", "certificates", "recorded id"),
    ("certificates_history_idx", "certificates", "subject recorded id"),
    ("certificate_names_name_idx", "certificate_names", "name certificate"),
    ("deliveries_environment_idx", "deliveries", "environment state id"),
    ("deliveries_crl_idx", "deliveries", "environment crl_due id"),
    ("deliveries_looked_idx", "deliveries", "environment looked id"),
    ("certificates_listed_idx", "certificates", "environment serial id"),
    ("intents_spki_idx", "intents", "spki"),
    ("findings_state_idx", "findings", "state kind environment"),
    ("findings_told_idx", "findings", "environment told"),
    ("findings_emitted_idx", "findings", "environment emitted"),
    ("breakers_state_idx", "breakers", "state environment"),
    ("sweeps_environment_idx", "sweeps", "environment id"),
)
# What stood in the place of some of them.
_BEFORE = (
    ("certificates_owner_idx", "certificates", "owner state"),
    ("certificates_expiry_idx", "certificates", "state not_after"),
    ("deliveries_environment_idx", "deliveries", "environment state"),
)
_PAGE = 500


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=optional)


def _moment(name: str, *, optional: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=optional)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _table(name: str, *columns: sa.Column[str] | sa.Column[datetime] | sa.Column[int]) -> None:
    key = sa.PrimaryKeyConstraint("id", name=f"{name}_pkey")
    op.create_table(name, _text("id"), *columns, _number("version"), key)


def upgrade() -> None:
    for moment in ("crl_due", "looked", "probed", "failing_since"):
        op.add_column("deliveries", _moment(moment, optional=True))
    op.add_column("deliveries", _text("served", optional=True))
    _findings()
    _breakers()
    _sweeps()
    _names()
    for name, table, _ in _BEFORE:
        op.drop_index(name, table)
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns.split())


def downgrade() -> None:
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    for name, table, columns in _BEFORE:
        op.create_index(name, table, columns.split())
    for table in ("certificate_names", "sweeps", "breakers", "findings"):
        op.drop_table(table)
    for column in ("served", "failing_since", "probed", "looked", "crl_due"):
        op.drop_column("deliveries", column)


def _findings() -> None:
    _table(
        "findings",
        *map(_text, ["kind", "environment", "subject", "severity", "summary", "remedy", "state"]),
        _moment("due", optional=True),
        _moment("opened"),
        _moment("seen"),
        _moment("closed", optional=True),
        _moment("told", optional=True),
        _moment("emitted", optional=True),
        _number("times"),
    )


def _breakers() -> None:
    _table(
        "breakers",
        _text("environment"),
        _text("state"),
        _number("failures"),
        _number("issued"),
        _moment("since"),
        _moment("opened", optional=True),
        _moment("retry_at", optional=True),
        _text("problem"),
        _moment("updated"),
    )


def _sweeps() -> None:
    _table(
        "sweeps",
        _text("environment"),
        _text("actor"),
        _moment("started"),
        _moment("ended", optional=True),
        _number("due"),
        _number("opened"),
        _number("closed"),
        sa.Column("problems", _TEXTS, nullable=False),
    )


def _names() -> None:
    table = op.create_table(
        "certificate_names",
        _text("certificate"),
        _text("name"),
        sa.PrimaryKeyConstraint("certificate", "name", name="certificate_names_pkey"),
        sa.ForeignKeyConstraint(
            ["certificate"], ["certificates.id"], name="certificate_names_certificate_fkey"
        ),
        sqlite_with_rowid=False,
    )
    columns = sa.column("id", _TEXT), sa.column("names", _TEXTS)
    wanted = sa.select(*columns).select_from(sa.table("certificates", *columns))
    wanted = wanted.order_by(columns[0]).limit(_PAGE)
    page = op.get_bind().execute(wanted).all()
    while page:
        turned = [
            {"certificate": key, "name": ".".join(reversed(name.split(".")))}
            for key, names in page
            for name in dict.fromkeys(names)
        ]
        if turned:
            op.bulk_insert(table, turned)
        page = op.get_bind().execute(wanted.where(columns[0] > page[-1][0])).all()
