"""The trace in which a job was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0016_job_traces"
down_revision = "0015_alert_since"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("trace", sa.Text))


def downgrade() -> None:
    op.drop_column("jobs", "trace")
