"""Since when an alert's checks have broken: its first window, and not the one in which it opened."""

import sqlalchemy as sa
from alembic import op

revision = "0015_alert_since"
down_revision = "0014_corrections_and_tails"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("since_us", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("alerts", "since_us")
