"""Summaries by hour and day, as bytes; days kept as text stay readable until they are renewed."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011_summaries_by_hour"
down_revision = "0010_check_weight"


def upgrade() -> None:
    parts = op.create_table(
        "summary_parts",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hours", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("stamp", sa.BigInteger),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    days = sa.table("summaries", *(sa.column(name) for name in ("project", "endpoint", "version", "day", "body")))
    connection = op.get_bind()
    order = (days.c.project, days.c.endpoint, days.c.version, days.c.day)
    found = connection.execute(sa.select(*order)).all()
    for row in found:
        body = connection.execute(
            sa.select(days.c.body).where(*(column == value for column, value in zip(order, row, strict=True)))
        ).scalar_one()
        connection.execute(
            sa.insert(parts).values(
                project=row.project,
                endpoint=row.endpoint,
                version=row.version,
                hours=24,
                start_us=round(datetime.fromisoformat(row.day).replace(tzinfo=UTC).timestamp()) * 1_000_000,
                rows=-1,
                stamp=None,
                body=body.encode(),
            )
        )
    op.drop_table("summaries")


def downgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("endpoint", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.drop_table("summary_parts")
