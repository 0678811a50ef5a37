"""`observatory ask`: the seven questions, asked of the running server in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from observatory import settings as knobs
from observatory.cli import answers, questions
from observatory.cli.answers import Json, Told
from observatory.cli.login import running
from observatory.cli.questions import EXCHANGE, FEATURE, SERVICE, USER, Asked
from observatory.clock import Clock
from observatory.errors import ObservatoryError

NOT_UNDERSTOOD, NOT_KNOWN = 2, 3
_BASE = "/api/v1/monitoring"
_PATIENCE = httpx.Timeout(60, connect=5)
_NIGHT_BEGINS_H, _NIGHT_ENDS_H = 18, 9
_LIST = "\n".join(f"  {each.ask}" for each in questions.wording().questions)


def command(
    words: Annotated[list[str], typer.Argument(help="The question, in English.")],
    window: Annotated[str, typer.Option(help="Length of time to look at, such as 1h or 7d.")] = "",
    environment: Annotated[str, typer.Option(help="Deployment environment; without it the server's own.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask whether it is healthy, why something is slow, what a user costs, which exchange fails, whether signals
    arrive, whether spending is within budget, what caused last night.

    Ends with 0 when it is answered, 1 when no server answers, 2 when the question is none of the seven, 3 when what is
    known does not suffice.
    """
    with Server.found() as server:
        asked = questions.recognise(" ".join(words), server.names(environment))
        if asked.question is None:
            typer.echo(_not_understood(asked), err=True)
            raise typer.Exit(NOT_UNDERSTOOD)
        plan = PLANS[asked.question.id]
        found = plan(Look(server, environment, window, asked.names, " ".join(words).lower(), Clock().now()))
    told = answers.ANSWERS[asked.question.id](found.answers, Clock().now())
    typer.echo(_as_json(asked, told, found) if as_json else "\n".join([*told.lines, f"more: {found.links[-1]}"]))
    if not told.known:
        raise typer.Exit(NOT_KNOWN)


# For `observatory ask` alone, without what the other commands load.
app = typer.Typer(name="observatory", pretty_exceptions_enable=False, add_completion=False)
app.callback()(lambda: None)
app.command("ask")(command)


class Server:
    """The server on this machine's data folder, asked as its first administrator."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_PATIENCE, trust_env=False
        )

    @classmethod
    def found(cls) -> Server:
        """Raises ObservatoryError when none runs there."""
        return cls(*running(knobs.load().data_dir))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str]) -> Json:
        """One answer of the API.

        Raises:
            ObservatoryError: no answer, or a refusal.
        """
        try:
            answer = self._client.get(_BASE + path, params=query)
            body: dict[str, Any] = answer.json()
        except httpx.HTTPError as error:
            raise ObservatoryError(f"{self.url} does not answer ({error})") from None
        except ValueError:
            raise ObservatoryError(f"{self.url} is not an Observatory: it answered without JSON") from None
        if not answer.is_success:
            more = "; ".join(each["detail"] for each in body.get("errors", []))
            raise ObservatoryError(f"{self.url} refused: {body.get('detail', body)}{': ' if more else ''}{more}")
        return body

    def names(self, environment: str) -> Mapping[str, Mapping[str, str]]:
        """What services, features and exchanges are called: those of the catalogue, and those that were seen."""
        within = {"environment": environment} if environment else {}
        services = self.get("/services", {**within, "limit": "200"})["items"]
        seen = self.get("/costs/breakdown", {**within, "by": "feature", "window": "24h"})["items"]
        return {
            SERVICE: {_spoken(name): each["id"] for each in services for name in (each["id"], each["name"])},
            FEATURE: {_spoken(name): name for each in seen if (name := each["key"].get("feature"))},
            EXCHANGE: {},
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Answers of the API, and where more of them is found."""

    answers: Sequence[Json]
    links: Sequence[str]


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked for, and of whom."""

    server: Server
    environment: str
    window: str
    names: Mapping[str, str]
    text: str
    now: datetime

    def read(self, *asked: tuple[str, Mapping[str, str]]) -> Found:
        """Ask all of these in turn; the last is where more is found."""
        within = {"environment": self.environment} if self.environment else {}
        told = [(path, {**within, **query}) for path, query in asked]
        links = [str(httpx.URL(f"{self.server.url}{_BASE}{path}", params=query)) for path, query in told]
        return Found([self.server.get(path, query) for path, query in told], links)

    def spanning(self, usual: str) -> dict[str, str]:
        """The window that was asked for, or the usual one; empty: the endpoint's own."""
        window = self.window or usual
        return {"window": window} if window else {}


def _health(look: Look) -> Found:
    return look.read(("/system-health", {}))


def _slow(look: Look) -> Found:
    kind = SERVICE if SERVICE in look.names else FEATURE
    return look.read(("/diagnose", {kind: look.names[kind], **look.spanning("")}))


def _user(look: Look) -> Found:
    return look.read((f"/user/{quote(look.names[USER], safe='')}", look.spanning("24h")))


def _exchange(look: Look) -> Found:
    window = look.spanning("5m")
    known = look.server.get("/indicators", {})
    found = look.read(
        ("/system-health", {}), ("/market-data", {**window, "section": "connections"}), ("/trading/execution", window)
    )
    whole, feeds, trading = found.answers
    return Found([whole, known, trading, feeds], found.links)


def _signals(look: Look) -> Found:
    found = look.read(("/system-health", {}), ("/signals/delivery", look.spanning("1h")))
    return Found(found.answers[::-1], found.links)


def _budget(look: Look) -> Found:
    return look.read(("/costs/budgets", {}))


def _incident(look: Look) -> Found:
    begin, end = night(look.text, look.now)
    stretch = look.spanning("") or {"from": _moment(begin), "to": _moment(end)}
    found = look.read(("/incidents/history", {**stretch, "limit": "200"}))
    items = found.answers[0]["items"]
    if not items:
        return found
    path = f"/incidents/{answers.gravest_of(items)['id']}/summary"
    return Found([*found.answers, look.server.get(path, {})], [*found.links, f"{look.server.url}{_BASE}{path}"])


PLANS: Mapping[str, Callable[[Look], Found]] = {
    "health": _health,
    "slow": _slow,
    "user": _user,
    "exchange": _exchange,
    "signals": _signals,
    "budget": _budget,
    "incident": _incident,
}


def night(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The time that a question is about: last night unless it says yesterday or today; by this machine's own clock."""
    local = now.astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if "night" not in text and "yesterday" in text:
        return midnight - timedelta(days=1), midnight
    if "night" not in text and ("today" in text or "morning" in text):
        return midnight, local
    return midnight - timedelta(hours=24 - _NIGHT_BEGINS_H), min(local, midnight + timedelta(hours=_NIGHT_ENDS_H))


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _spoken(name: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())


def _not_understood(asked: Asked) -> str:
    if asked.missing:
        return f"Name {' or '.join(f'a {each}' for each in asked.missing)}. The questions are:\n{_LIST}"
    return f"That is none of the questions that are understood:\n{_LIST}"


def _as_json(asked: Asked, told: Told, found: Found) -> str:
    assert asked.question is not None
    values = {
        "question": asked.question.id,
        "names": dict(asked.names),
        "known": told.known,
        "answer": list(told.lines),
        "figures": list(told.figures),
        "links": list(found.links),
    }
    return json.dumps(values, indent=2, ensure_ascii=False)
