"""What goes wrong with an answer, on request: rules that match some of the requests and are used up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "latency",
    "rate limit",
    "500 before",
    "500 after",
    "503 before",
    "504 before",
    "504 after",
    "dropped before",
    "dropped after",
    "garbage",
    "truncated",
    "empty",
    "unauthorized",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUS = {"500": 500, "503": 503, "504": 504}


@dataclass
class Fault:
    """One kind of trouble for the requests that match: after the first `skip` of them, so many `times`.

    `before` means that the request is not carried out, `after` (as garbage, truncated and empty answers) that it was.
    """

    kind: Kind
    method: str = "POST"
    path: str = "/v2/orders"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if method != self.method or not path.startswith(self.path) or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    @property
    def carries_out(self) -> bool:
        return not self.kind.endswith("before") and self.kind not in ("rate limit", "unauthorized")

    @property
    def status(self) -> int | None:
        return STATUS.get(self.kind.split()[0])
