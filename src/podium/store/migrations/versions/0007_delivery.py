"""Channels and deliveries of news about alerts; alerts that sleep, and the kinds that one alert covers."""

import sqlalchemy as sa
from alembic import op

revision = "0007_delivery"
down_revision = "0006_monitor"


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("news", sa.Text, nullable=False),
        sa.Column("endpoint", sa.String(64)),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("removed_us", sa.BigInteger),
    )
    standing = sa.text("removed_us is null")
    op.create_index(
        "channels_one_name",
        "channels",
        ["project", "name"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("channel_id", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("alert", sa.String(64), nullable=False),
        sa.Column("news", sa.String(32), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("settled_us", sa.BigInteger),
    )
    op.create_index("deliveries_by_alert", "deliveries", ["project", "alert", "id"])
    op.add_column("alerts", sa.Column("kinds", sa.Text, nullable=False, server_default="[]"))
    op.add_column("alerts", sa.Column("snoozed_until_us", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("alerts", "snoozed_until_us")
    op.drop_column("alerts", "kinds")
    op.drop_table("deliveries")
    op.drop_table("channels")
