"""Who may do what: permissions, the roles that bundle them, and the caller of an action."""

import enum

import msgspec


class Permission(enum.StrEnum):
    """What a route asks for. Each route declares exactly one."""

    READ = "read"
    AUDIT = "audit"
    BUILD = "build"
    DEPLOY = "deploy"
    VALIDATE = "validate"
    APPROVE = "approve"
    REVIEW = "review"
    MONITOR = "monitor"
    INTAKE = "intake"
    SERVE = "serve"
    ADMIN = "admin"


class Role(enum.StrEnum):
    """What a person (or a process) is in a project."""

    VIEWER = "viewer"
    SCIENTIST = "scientist"
    ENGINEER = "engineer"
    VALIDATOR = "validator"
    OWNER = "owner"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SCORER = "scorer"
    APPLICATION = "application"
    SYSTEM = "system"


P = Permission
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({P.READ}),
    Role.SCIENTIST: frozenset({P.READ, P.BUILD}),
    Role.ENGINEER: frozenset({P.READ, P.BUILD, P.DEPLOY, P.MONITOR, P.INTAKE}),
    Role.VALIDATOR: frozenset({P.READ, P.VALIDATE}),
    Role.OWNER: frozenset({P.READ, P.APPROVE, P.REVIEW}),
    Role.REVIEWER: frozenset({P.READ, P.REVIEW}),
    Role.AUDITOR: frozenset({P.READ, P.AUDIT}),
    Role.ADMIN: frozenset({P.READ, P.ADMIN, P.AUDIT}),
    Role.SCORER: frozenset({P.SERVE, P.INTAKE}),
    Role.APPLICATION: frozenset({P.INTAKE, P.SERVE}),
    Role.SYSTEM: frozenset(P),
}
"""`admin` manages people and tokens; it neither validates nor approves, so that no one role can do everything."""

EVERYWHERE = "*"
"""The project name of a grant that holds in every project."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who performs an action: a person or process, the roles held in the project, and the request's idempotency key."""

    name: str
    roles: frozenset[Role]
    project: str
    idempotency_key: str | None = None
    request_digest: str | None = None
    trace: dict[str, str] = {}
    """The headers by which what is done for this call belongs to its trace (W3C); empty: to none."""

    def may(self, permission: Permission) -> bool:
        return any(permission in GRANTS[role] for role in self.roles)

    def role_for(self, permission: Permission) -> Role:
        """The role by which this caller may; the narrowest one that grants it."""
        granting = [role for role in self.roles if permission in GRANTS[role]]
        return min(granting, key=lambda role: (len(GRANTS[role]), role))


def system(project: str, trace: dict[str, str] | None = None) -> Caller:
    """The caller of jobs that Podium runs by itself; `trace`: the headers of the trace in which it does so."""
    return Caller(name="podium", roles=frozenset({Role.SYSTEM}), project=project, trace=trace or {})


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a process that can hold roles and tokens."""

    name: str
    full_name: str = ""
    active: bool = True


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A role held by a user in a project (`*`: in all)."""

    user: str
    project: str
    role: Role


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A secret's public side: whose it is and until when. The secret itself is shown once and stored only hashed."""

    id: str
    user: str
    note: str = ""
    created_us: int
    expires_us: int | None = None
    revoked: bool = False


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to making a token: the only time that the secret is seen."""

    token: Token
    secret: str
