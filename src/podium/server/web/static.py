"""The style sheet, the script and the icon: three files, addressed by their content, so that browsers keep them."""

import hashlib
from importlib import resources

from litestar import Response, get

from podium.core.errors import NotFound

_TYPES = {"podium.css": "text/css", "podium.js": "text/javascript", "icon.svg": "image/svg+xml"}
_FOLDER = resources.files("podium.server.web") / "static"
_FILES = {name: (_FOLDER / name).read_bytes() for name in _TYPES}
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def address(name: str) -> str:
    """The address of a file, which changes when its content does."""
    return f"/static/{name}?v={hashlib.sha256(_FILES[name]).hexdigest()[:12]}"


@get("/static/{name:str}", opt={"public": True}, sync_to_thread=False, include_in_schema=False)
def static_file(name: str) -> Response[bytes]:
    """A file of the pages."""
    if name not in _FILES:
        raise NotFound("There is no such file.", field="name")
    return Response(_FILES[name], media_type=f"{_TYPES[name]}; charset=utf-8", headers=_HEADERS)
