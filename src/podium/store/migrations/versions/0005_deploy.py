"""Endpoints, rollout documents, scorers' reports; releases."""

import sqlalchemy as sa
from alembic import op

revision = "0005_deploy"
down_revision = "0004_manage"


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("champion", sa.Integer),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project", "name", name="endpoints_name"),
    )
    op.create_index("endpoints_by_model", "endpoints", ["project", "model"])
    op.create_table(
        "rollouts",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "scorers",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("replaces", sa.Integer),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("stage_since_us", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("comparison", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
    )
    still_open = sa.text("stage IN ('shadow', 'awaiting-approval', 'canary')")
    op.create_index(
        "releases_open",
        "releases",
        ["project", "endpoint"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index("releases_by_endpoint", "releases", ["project", "endpoint", "id"])
    op.create_index("releases_by_digest", "releases", ["project", "digest"])


def downgrade() -> None:
    for table in ("releases", "scorers", "rollouts", "endpoints"):
        op.drop_table(table)
