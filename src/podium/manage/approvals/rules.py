"""Who may say yes to a version: the rules, without any change."""

from collections.abc import Sequence

from podium.core import access, time
from podium.core.access import Role
from podium.core.approval import Approval
from podium.core.errors import Conflict, Refused
from podium.core.project import ApprovalsPart
from podium.core.version import Version, VersionState


def check_role(caller: access.Caller, role: Role) -> None:
    """Refuse who does not hold the role itself; other roles that may do as much do not count."""
    if role not in caller.roles:
        one = f"{'an' if role[0] in 'aeio' else 'a'} {role}"
        raise Refused(f"Only {one} says this.", field="role", fix=f"Ask {one} of the project.")


def check_four_eyes(caller: access.Caller, item: Version, author: str | None) -> None:
    """Refuse who made the version: started its run, or wrote the project file that it was made with."""
    if caller.name == item.created_by:
        raise Refused("You started the run of this version; somebody else decides.", field="person", fix=_OTHER)
    if caller.name == author:
        raise Refused("You applied this version's project file; somebody else decides.", field="person", fix=_OTHER)


def check_one_role(caller: access.Caller, role: Role, held: Sequence[Approval]) -> None:
    """Refuse a second role to the same person."""
    other = next((item for item in held if item.person == caller.name and item.role is not role), None)
    if other is not None:
        raise Refused(f"You said yes as {other.role}; the {role} is somebody else.", field="person", fix=_OTHER)


def check_ready(item: Version, role: Role, required: Sequence[str], held: Sequence[Approval]) -> None:
    """Refuse a yes before the gates passed, to a rejected version, or by an owner before the validator's."""
    if item.state is VersionState.REJECTED:
        raise Conflict(
            f"Version {item.number} of {item.model} is rejected for good.", field="version", fix="Train another one."
        )
    if item.gates_passed is not True:
        known = "have not been evaluated" if item.gates_passed is None else "did not pass"
        raise Refused(f"The gates of version {item.number} {known}.", field="version", fix="Look at its gates.")
    first = Role.VALIDATOR
    if role is not first and first in required and not any(other.role is first for other in held):
        raise Refused(
            f"Version {item.number} is not validated for this environment.",
            field="version",
            fix="A validator says yes first.",
        )


def lacking(required: Sequence[str], held: Sequence[Approval]) -> tuple[str, ...]:
    """The required roles for which no yes holds, in the project file's order."""
    given = {item.role for item in held}
    return tuple(role for role in required if role not in given)


def reminder_us(item: Approval, part: ApprovalsPart) -> int:
    """The instant from which on a yes may be said again, and at which people are told that it ends."""
    wanted = time.parse_duration(part.remind_before, "approvals.remind_before")
    return max(item.expires_us - round(wanted.total_seconds() * 1e6), (item.created_us + item.expires_us) // 2)


def lasting(held: Sequence[Approval], part: ApprovalsPart, now_us: int) -> list[Approval]:
    """Those that need not be said again yet."""
    return [item for item in held if now_us < reminder_us(item, part)]


_OTHER = "Ask another person who holds the role."
