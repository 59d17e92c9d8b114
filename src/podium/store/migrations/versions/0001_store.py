"""Events, their edges and head; remembered answers."""

import sqlalchemy as sa
from alembic import op

from podium.core import event

revision = "0001_store"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("noun", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("events_by_project", "events", ["project", "number"])
    op.create_index("events_by_subject", "events", ["noun", "subject"])
    op.create_table(
        "event_edges",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("from_noun", sa.String(64), nullable=False),
        sa.Column("from_id", sa.String(256), nullable=False),
        sa.Column("to_noun", sa.String(64), nullable=False),
        sa.Column("to_id", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
    )
    op.create_index("event_edges_up", "event_edges", ["to_noun", "to_id"])
    op.create_index("event_edges_down", "event_edges", ["from_noun", "from_id"])
    head = op.create_table(
        "event_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": event.GENESIS}])
    op.create_table(
        "answers",
        sa.Column("caller", sa.String(128), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("request", sa.String(80)),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("answers", "event_head", "event_edges", "events"):
        op.drop_table(table)
