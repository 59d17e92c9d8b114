"""Datasets and their versions; runs."""

import sqlalchemy as sa
from alembic import op

revision = "0003_build"
down_revision = "0002_jobs"


def upgrade() -> None:
    _datasets()


def downgrade() -> None:
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
