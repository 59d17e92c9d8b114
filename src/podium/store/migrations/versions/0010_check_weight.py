"""How much a check's feature weighs in the model's scores."""

import sqlalchemy as sa
from alembic import op

revision = "0010_check_weight"
down_revision = "0009_drills"


def upgrade() -> None:
    op.add_column("checks", sa.Column("weight", sa.Float))


def downgrade() -> None:
    op.drop_column("checks", "weight")
