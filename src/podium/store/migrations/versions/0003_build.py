"""Datasets and their versions; runs."""

import sqlalchemy as sa
from alembic import op

revision = "0003_build"
down_revision = "0002_jobs"


def upgrade() -> None:
    _datasets()
    _runs()


def downgrade() -> None:
    _drop_runs()
    _drop_datasets()


def _datasets() -> None:
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("parents", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "name", "number", name="dataset_versions_number"),
        sa.UniqueConstraint("project", "name", "digest", name="dataset_versions_content"),
    )
    op.create_index("dataset_versions_by_digest", "dataset_versions", ["project", "digest"])


def _drop_datasets() -> None:
    op.drop_table("dataset_versions")


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("dataset", sa.String(71), nullable=False),
        sa.Column("spec_digest", sa.String(71), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("started_us", sa.BigInteger),
        sa.Column("finished_us", sa.BigInteger),
        sa.Column("environment", sa.Text),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("job", sa.String(64)),
        sa.Column("log", sa.String(71)),
        sa.UniqueConstraint("project", "model", "number", name="runs_number"),
    )
    op.create_index("runs_by_project", "runs", ["project", "id"])
    op.create_index("runs_by_job", "runs", ["job"])


def _drop_runs() -> None:
    op.drop_table("runs")
