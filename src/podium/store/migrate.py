"""Bring a database to the newest schema, from nothing or from an older version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from podium.core.errors import Conflict
from podium.store.database import Database

_HERE = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Apply what is missing, in one transaction. Raises `Conflict` for a database from a newer Podium."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    with database.write() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise Conflict("The database was written by a newer Podium.", field="database", fix="Upgrade this one.")
        if current == scripts.get_current_head():
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revisions(database: Database) -> tuple[str | None, str | None]:
    """The schema that a database has (None: nothing yet), and the newest. Changes nothing."""
    with database.read() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config
