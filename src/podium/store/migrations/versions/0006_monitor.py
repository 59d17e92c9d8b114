"""Received segments and outcomes, summaries, windows, checks, alerts, trigger decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0006_monitor"
down_revision = "0005_deploy"

_TABLES = (
    "trigger_decisions",
    "alerts",
    "checks",
    "windows",
    "summaries",
    "log_columns",
    "log_batches",
    "outcome_batches",
    "segments",
)


def upgrade() -> None:
    _intake()
    _checks()
    _alerts()


def _intake() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("scorer", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.Column("to_us", sa.BigInteger, nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.Column("batch", sa.Integer),
        sa.UniqueConstraint("project", "scorer", "name"),
    )
    op.create_index("segments_waiting", "segments", ["project", "model", "batch", "id"])
    op.create_table(
        "outcome_batches",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.Column("batch", sa.Integer),
        sa.UniqueConstraint("project", "endpoint", "digest"),
    )
    op.create_index("outcome_batches_waiting", "outcome_batches", ["project", "model", "batch"])
    op.create_table(
        "log_batches",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("log", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("written", sa.Integer),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_columns",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(256), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
    )


def _checks() -> None:
    op.create_table(
        "summaries",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "windows",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("closed_us", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("matured", sa.Integer, nullable=False),
        sa.Column("checks", sa.Integer, nullable=False),
        sa.Column("broken", sa.Integer, nullable=False),
        sa.Column("judged", sa.Boolean, nullable=False),
        sa.UniqueConstraint("project", "endpoint", "end_us"),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("measure", sa.String(64), nullable=False),
        sa.Column("feature", sa.String(256)),
        sa.Column("value", sa.Float),
        sa.Column("reference", sa.Float),
        sa.Column("bound", sa.Float, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
    )
    op.create_index("checks_by_window", "checks", ["project", "endpoint", "end_us"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("causes", sa.Text, nullable=False),
        sa.Column("opened_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("acknowledged_by", sa.String(128)),
        sa.Column("resolved_us", sa.BigInteger),
        sa.Column("note", sa.Text, nullable=False),
    )
    unresolved = sa.text("state <> 'resolved'")
    op.create_index(
        "alerts_one_open",
        "alerts",
        ["project", "endpoint", "version", "kind"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_table(
        "trigger_decisions",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("end_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("fired", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("trigger_kind", sa.String(32)),
        sa.Column("run", sa.String(64)),
        sa.Column("dataset", sa.String(80)),
    )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
