"""How much a check's feature weighs in the model's scores, and what changed in it in words."""

import sqlalchemy as sa
from alembic import op

revision = "0010_check_weight"
down_revision = "0009_drills"


def upgrade() -> None:
    op.add_column("checks", sa.Column("weight", sa.Float))
    op.add_column("checks", sa.Column("said", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("checks", "said")
    op.drop_column("checks", "weight")
