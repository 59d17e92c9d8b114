"""What each closed window's decisions were worth."""

import sqlalchemy as sa
from alembic import op

revision = "0013_window_values"
down_revision = "0012_window_measures"


def upgrade() -> None:
    op.create_table(
        "window_values",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("end_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("window_values")
