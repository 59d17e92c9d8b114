"""Fire drills of the monitor's rules."""

import sqlalchemy as sa
from alembic import op

revision = "0009_drills"
down_revision = "0008_reviews"


def upgrade() -> None:
    op.create_table(
        "drills",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("drills_by_endpoint", "drills", ["project", "endpoint", "id"])


def downgrade() -> None:
    op.drop_table("drills")
