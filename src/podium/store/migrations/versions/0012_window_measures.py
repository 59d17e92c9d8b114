"""Each closed window's features by every measure of `podium check`."""

import sqlalchemy as sa
from alembic import op

revision = "0012_window_measures"
down_revision = "0011_summaries_by_hour"


def upgrade() -> None:
    op.create_table(
        "window_measures",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("end_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("window_measures")
