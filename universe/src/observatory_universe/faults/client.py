"""The universe's faults as another process on this machine sets them: over HTTP."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from observatory_universe.faults.truth import Record

_ANSWER_S: Final = 5.0

T = TypeVar("T")


class ControlError(Exception):
    """The universe is not there, or refuses; the message says why."""


class Grades(BaseModel):
    """How badly: the least, the usual, the most, and what the number means."""

    model_config = ConfigDict(frozen=True, strict=True)

    least: float
    default: float
    most: float
    sentence: str


class KindNow(BaseModel):
    """One kind, and what of it runs."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: str
    group: str
    sentence: str
    grades: Grades
    targets: tuple[str, ...]
    default_target: str | None
    is_fault: bool
    active: tuple[Record, ...]


_KINDS: Final = TypeAdapter(tuple[KindNow, ...])
_RECORDS: Final = TypeAdapter(tuple[Record, ...])
_RECORD: Final = TypeAdapter(Record)


def address(demo: Path) -> str:
    """Where the demo's universe takes faults, from the file in which the demo says so.

    Raises:
        ControlError: the file is not there, or does not say.
    """
    try:
        url = json.loads(demo.read_text(encoding="utf-8"))["universe_url"]
    except FileNotFoundError:
        raise ControlError(f"{demo} is not there: start the demo (make demo), or give --url") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ControlError(f"{demo} names no universe_url ({error!r}): give --url") from None
    return str(url)


class Client:
    """Faults over HTTP.

    Args:
        url: the address, such as `http://127.0.0.1:8700`.
        source: who asks: `menu`, or anything else for `http`.

    Raises:
        ControlError: from every method: nothing answers, something else does, or the wish is refused.
    """

    def __init__(self, url: str, source: str = "menu") -> None:
        self._url = url
        headers = {"X-Fault-Source": source}
        try:
            # No proxy of the environment stands between here and the loopback.
            self._http = httpx.Client(base_url=url, timeout=_ANSWER_S, headers=headers, trust_env=False)
        except (httpx.InvalidURL, ValueError) as error:
            raise ControlError(f"url is {url!r}, must be such as http://127.0.0.1:8700: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def kinds(self) -> tuple[KindNow, ...]:
        """Every kind, with what of it runs."""
        return self._asked(_KINDS, "GET", "/faults")

    def truth(self) -> tuple[Record, ...]:
        """What ran and runs, in the order of the starts."""
        return self._asked(_RECORDS, "GET", "/faults/truth")

    def start(self, kind: str, target: str | None, grade: float | None, seconds: float | None) -> Record:
        """Starts a fault."""
        wish = {"kind": kind, "target": target, "grade": grade, "seconds": seconds}
        return self._asked(_RECORD, "POST", "/faults", {name: each for name, each in wish.items() if each is not None})

    def end(self, id_: str) -> Record:
        """Ends a fault."""
        return self._asked(_RECORD, "DELETE", f"/faults/{quote(id_, safe='')}")

    def _asked(self, wanted: TypeAdapter[T], method: str, path: str, body: dict[str, Any] | None = None) -> T:
        try:
            answer = self._http.request(method, path, json=body)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ControlError(f"url is {self._url!r}, must be such as http://127.0.0.1:8700: {error}") from None
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ControlError(f"no universe answers at {self._url} ({why}); is the demo running?") from None
        except ValueError as error:
            raise ControlError(f"the wish is no JSON: {error}") from None
        if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
            raise ControlError(str(answer.json().get("detail", answer.status_code)))
        try:
            return wanted.validate_json(answer.content)
        except ValidationError:
            raise ControlError(f"what answers at {self._url} is no universe (status {answer.status_code})") from None
