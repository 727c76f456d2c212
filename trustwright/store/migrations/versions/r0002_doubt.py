"""What an intent is in doubt about, why a ceremony closed, which process holds an environment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ADDED = (
    ("environments", "process"),
    ("ceremonies", "reason"),
    ("intents", "owner"),
    ("intents", "pem"),
)


def upgrade() -> None:
    for table, column in _ADDED:
        op.add_column(table, sa.Column(column, _TEXT, nullable=True))


def downgrade() -> None:
    for table, column in reversed(_ADDED):
        op.drop_column(table, column)
