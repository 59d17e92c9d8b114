"""Jobs and their schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0002_jobs"
down_revision = "0001_store"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("started_us", sa.BigInteger),
        sa.Column("finished_us", sa.BigInteger),
        sa.Column("worker", sa.String(128)),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("unique_key", sa.String(256)),
        sa.Column("lease_us", sa.BigInteger, nullable=False),
        sa.Column("retry_us", sa.BigInteger, nullable=False),
    )
    op.create_index("jobs_by_key", "jobs", ["project", "unique_key"], unique=True)
    op.create_index("jobs_by_state", "jobs", ["state", "due_us"])
    op.create_index("jobs_by_project", "jobs", ["project", "id"])
    op.create_table(
        "schedules",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("cron", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("last_us", sa.BigInteger),
    )
    op.create_index("schedules_by_name", "schedules", ["project", "name"], unique=True)
    op.create_index("schedules_by_next", "schedules", ["next_us"])


def downgrade() -> None:
    op.drop_table("schedules")
    op.drop_table("jobs")
