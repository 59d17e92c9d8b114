"""A request that is refused before anybody reads what it means; the connection ends after the answer."""

from podium.scoring import answers
from podium.scoring.call import Answer

_FIX = {
    400: "Send a request as RFC 9112 describes it.",
    413: "Split the rows over several requests.",
    415: "Send it plain.",
    417: "Leave the Expect header out.",
    431: "Send fewer or shorter headers.",
    501: "Send a Content-Length, or chunks.",
    505: "Use HTTP/1.1.",
}


class Refusal(Exception):
    """Carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer

    @classmethod
    def of(cls, status: int, detail: str, field: str = "") -> "Refusal":
        """`field`: which header is wrong, or that the body is, where it is one part."""
        return cls(answers.invalid(status, detail, _FIX[status], field=field or None))
