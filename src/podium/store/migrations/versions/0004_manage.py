"""Models, project files and versions; evidence and gates; approvals; users, grants and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0004_manage"
down_revision = "0003_build"


def upgrade() -> None:
    _registry()
    _policies()
    _approvals()
    _access()


def downgrade() -> None:
    for table in ("tokens", "grants", "users", "approvals", "gate_results", "evidence", "versions", "models", "specs"):
        op.drop_table(table)


def _registry() -> None:
    op.create_table(
        "specs",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("spec_digest", sa.String(71), nullable=False),
        sa.Column("source_digest", sa.String(71), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.UniqueConstraint("project", "name", name="models_name"),
        sa.ForeignKeyConstraint(["project", "spec_digest"], ["specs.project", "specs.digest"], name="models_spec"),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(71), nullable=False),
        sa.Column("spec_digest", sa.String(71), nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("gates_passed", sa.Boolean),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "model", "number", name="versions_number"),
        sa.UniqueConstraint("project", "digest", name="versions_digest"),
        sa.ForeignKeyConstraint(["project", "model"], ["models.project", "models.name"], name="versions_model"),
        sa.ForeignKeyConstraint(["project", "spec_digest"], ["specs.project", "specs.digest"], name="versions_spec"),
    )
    op.create_index("versions_by_dataset", "versions", ["project", "dataset"])


def _policies() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("version", sa.String(71), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("project", "version", "number", name="evidence_number"),
        sa.ForeignKeyConstraint(
            ["project", "version"], ["versions.project", "versions.digest"], name="evidence_version"
        ),
    )
    op.create_table(
        "gate_results",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(71), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("problem", sa.Text),
        sa.ForeignKeyConstraint(
            ["project", "version"], ["versions.project", "versions.digest"], name="gate_results_version"
        ),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("evidence", sa.String(71), nullable=False),
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("person", sa.String(128), nullable=False),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("void", sa.Text),
        sa.Column("signature", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "digest"], ["versions.project", "versions.digest"], name="approvals_version"
        ),
    )
    op.create_index("approvals_by_version", "approvals", ["project", "digest"])


def _access() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("full_name", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column("user", sa.String(64), sa.ForeignKey("users.name", name="grants_user"), primary_key=True),
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(32), primary_key=True),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(64), sa.ForeignKey("users.name", name="tokens_user"), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("revoked", sa.Boolean, nullable=False),
    )
    op.create_index("tokens_by_user", "tokens", ["user", "id"])
