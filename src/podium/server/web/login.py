"""Signing in with a token, and out."""

import re
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body

from podium.core import access
from podium.manage.access import actions as people
from podium.server import auth
from podium.server.web import page
from podium.store.store import Store

_PUBLIC = {"public": True}
_FORM_BYTES = 64 * 1024
_PAGE = re.compile(r"/(?:p/[A-Za-z0-9._%/-]*)?")


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A token, and where to go then."""

    token: str = ""
    next: str = "/"


@get("/login", opt=_PUBLIC, sync_to_thread=False, include_in_schema=False)
def login(request: page.WebRequest, next: str = "/") -> Response[str]:
    """The form that takes a token."""
    return page.render(request, "login.html", next=own_page(next), failed=False)


@post("/login", opt=_PUBLIC, request_max_body_size=_FORM_BYTES, sync_to_thread=True, include_in_schema=False)
def sign_in(
    request: page.WebRequest,
    store: Store,
    data: Annotated[SignIn, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """Keep the token in a cookie that no script reads and no other site sends."""
    auth.check_origin(request)
    secret, following = data.token.strip(), own_page(data.next)
    if people.authenticate(store, secret, access.EVERYWHERE) is None:
        return page.render(request, "login.html", code=401, next=following, failed=True)
    answer = page.go(following)
    answer.set_cookie(_cookie(request, secret))
    return answer


@post("/logout", opt=_PUBLIC, request_max_body_size=_FORM_BYTES, sync_to_thread=False, include_in_schema=False)
def sign_out(request: page.WebRequest) -> Response[str]:
    """Forget the token in this browser."""
    auth.check_origin(request)
    answer = page.go("/login")
    answer.set_cookie(_cookie(request, "", max_age=0))
    return answer


def own_page(path: str) -> str:
    """The path when it is one of our pages, else the first page."""
    return path if _PAGE.fullmatch(path) else "/"


def _cookie(request: page.WebRequest, secret: str, max_age: int | None = None) -> Cookie:
    return Cookie(
        key=auth.COOKIE,
        value=secret,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
