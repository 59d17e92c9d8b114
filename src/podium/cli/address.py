"""What people call things by: a name and a number, or a digest or an id as lists show it."""

from typing import TYPE_CHECKING

from podium.core.errors import Invalid, NotFound

if TYPE_CHECKING:
    from podium.client.client import Client

_MOST = 1000
_DIGEST = "sha256:"


def dataset(client: "Client", text: str) -> str:
    """The digest of a dataset version: `NAME/NUMBER`, its digest, or the beginning of one. Raises `NotFound`, and
    `Invalid` for a beginning that several share.
    """
    hexadecimal = text.removeprefix(_DIGEST)
    if len(hexadecimal) == 64:
        return _DIGEST + hexadecimal
    name, number = _numbered(text)
    listed = client.datasets.list(name or None)
    found = {
        item.digest
        for item in listed
        if (item.name == name and item.number == number)
        or (not name and hexadecimal and item.digest.removeprefix(_DIGEST).startswith(hexadecimal))
    }
    if len(found) > 1:
        raise Invalid("Several datasets begin with that.", field="dataset", fix="Write more of the digest.")
    if not found:
        raise NotFound("This project has no such dataset version.", field="dataset", fix="See podium data list.")
    return found.pop()


def run(client: "Client", text: str) -> str:
    """The id of a run: `MODEL/NUMBER`, or the id itself. Raises `NotFound`."""
    model, number = _numbered(text)
    if not model:
        return text
    found = [item.id for item in client.runs.list(model=model, limit=_MOST) if item.number == number]
    if not found:
        raise NotFound("There is no such run in this project.", field="run", fix="See podium runs list.")
    return found[0]


def version(client: "Client", text: str) -> str:
    """The digest of a version: `MODEL/NUMBER`, or the digest itself."""
    model, number = _numbered(text)
    return client.versions.get(model, number).digest if model else text


def _numbered(text: str) -> tuple[str, int]:
    """A name and a number; without a name where the text is something else."""
    name, _, number = text.rpartition("/")
    return (name, int(number)) if name and number.isdecimal() else ("", 0)
