"""What people decided before they corrected it, and what a run has printed while it goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0014_corrections_and_tails"
down_revision = "0013_window_values"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("earlier", sa.Text, nullable=False, server_default="[]"))
    op.create_table(
        "run_tails",
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("printed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("run_tails")
    op.drop_column("reviews", "earlier")
