"""The people of the demo: separate identities with separate tokens, so that no one does everything."""

import msgspec

from podium.core.access import Role


class Person(msgspec.Struct, frozen=True):
    """Somebody, and the roles that they hold in the project."""

    name: str
    full_name: str
    roles: tuple[Role, ...]


SCIENTIST = Person("ada", "Ada, data scientist", (Role.SCIENTIST,))
ENGINEER = Person("emil", "Emil, ModelOps engineer", (Role.ENGINEER,))
VALIDATOR = Person("vera", "Vera, independent validator", (Role.VALIDATOR,))
OWNER = Person("olga", "Olga, business owner", (Role.OWNER,))
AUDITOR = Person("aldo", "Aldo, auditor", (Role.AUDITOR,))
DESK = Person("desk", "the rebooking desk's application", (Role.APPLICATION,))

ALL = (SCIENTIST, ENGINEER, VALIDATOR, OWNER, AUDITOR, DESK)
