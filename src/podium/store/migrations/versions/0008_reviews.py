"""Referred predictions, and what people decided about them."""

import sqlalchemy as sa
from alembic import op

revision = "0008_reviews"
down_revision = "0007_delivery"


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("prediction_id", sa.String(256), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("threshold", sa.Float(53), nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decision", sa.Boolean),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("decided_us", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "prediction_id"),
    )
    op.create_index("reviews_waiting", "reviews", ["project", "endpoint", "state", "id"])


def downgrade() -> None:
    op.drop_table("reviews")
