"""`universe faults`: faults from a terminal, by a menu or by single commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from observatory_universe.faults import schedule
from observatory_universe.faults.client import Client, ControlError, KindNow, address
from observatory_universe.faults.truth import Record

_DEMO: Final = Path("var/demo.json")
_HELP: Final = "A number or a kind starts it, 'e ID' ends a fault, 't' shows the truth, 'q' leaves."
_MOST_PAST: Final = 20
# What a prompt shows for what is left out.
_ALL: Final = "all"
_OPEN: Final = "until it is ended"

faults_app = typer.Typer(
    name="faults",
    help="Make things go wrong, and see what is wrong. Without a command: a menu.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)

Url = Annotated[str | None, typer.Option(help=f"Address of the universe's faults. [default: what {_DEMO} says]")]


@faults_app.callback()
def menu(context: typer.Context, url: Url = None) -> None:
    """Make things go wrong, and see what is wrong. Without a command: a menu."""
    context.obj = url
    if context.invoked_subcommand is None:
        with _universe(context, None) as universe:
            _Menu(universe).run()


@faults_app.command("list")
def list_(context: typer.Context, url: Url = None) -> None:
    """Every kind of fault, with what of it runs."""
    with _universe(context, url) as universe:
        _show_kinds(universe.kinds())


@faults_app.command()
def start(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="The kind's id, such as exchange_slow.")],
    target: Annotated[str | None, typer.Option(help="What it is aimed at. [default: the kind's own]")] = None,
    grade: Annotated[float | None, typer.Option(help="How badly. [default: the kind's usual]")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long. [default: until it is stopped]")] = None,
    url: Url = None,
) -> None:
    """Start a fault."""
    with _universe(context, url) as universe:
        typer.echo(_started(universe.start(kind, target, grade, seconds)))


@faults_app.command()
def stop(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The fault's id, such as fault-0001, or its number.")],
    url: Url = None,
) -> None:
    """End a fault."""
    with _universe(context, url) as universe:
        typer.echo(_ended(universe.end(_id(id_))))


@faults_app.command()
def truth(context: typer.Context, url: Url = None) -> None:
    """What ran and runs."""
    with _universe(context, url) as universe:
        _show_truth(universe.truth())


@faults_app.command()
def plan(
    file: Annotated[Path, typer.Argument(help="A schedule.", metavar="SCHEDULE")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 7,
    seconds: Annotated[float, typer.Option(min=1, max=366 * 86_400, help="How far to look ahead.")] = 3_600,
) -> None:
    """What a schedule would start. Starts nothing."""
    try:
        planned = schedule.plan(schedule.read(file), seed, seconds)
    except schedule.ScheduleError as error:
        _fail(str(error))
    for each in planned:
        target = f" on {each.target}" if each.target else ""
        typer.echo(f"{each.offset_s:9.1f} s  {each.kind}{target}, grade {each.grade:g}, for {each.seconds:g} s")


class _Menu:
    def __init__(self, universe: Client) -> None:
        self._universe = universe

    def run(self) -> None:
        """Until `q` or the end of the input."""
        self._show()
        while True:
            try:
                wish = typer.prompt("faults", default="", show_default=False).strip()
                if wish in ("q", "quit", "exit"):
                    return
                self._grant(wish)
            except ControlError as error:
                typer.echo(f"Error: {error}", err=True)
            except typer.Abort:
                # Ctrl-C, or the end of the input.
                typer.echo("")
                return

    def _grant(self, wish: str) -> None:
        word, _, rest = wish.partition(" ")
        if word in ("e", "end", "stop"):
            typer.echo(_ended(self._universe.end(_id(rest.strip()))))
        elif wish in ("t", "truth"):
            _show_truth(self._universe.truth())
        elif wish:
            self._start(wish)
        else:
            self._show()

    def _show(self) -> None:
        _show_kinds(self._universe.kinds())
        typer.echo(_HELP)

    def _start(self, wish: str) -> None:
        kinds = self._universe.kinds()
        numbered = {str(number): kind for number, kind in enumerate(kinds, 1)} | {kind.kind: kind for kind in kinds}
        if wish not in numbered:
            raise ControlError(f"{wish!r} is neither a kind nor a number from 1 to {len(kinds)}. {_HELP}")
        kind = numbered[wish]
        target = None
        if kind.targets:
            target = _asked(f"target ({', '.join(kind.targets)})", kind.default_target or _ALL)
        grades = kind.grades
        grade = _number(
            "grade", _asked(f"grade, {grades.least:g} to {grades.most:g} {grades.sentence}", f"{grades.default:g}")
        )
        answer = _asked("seconds", _OPEN)
        seconds = None if answer == _OPEN else _number("seconds", answer)
        typer.echo(_started(self._universe.start(kind.kind, None if target == _ALL else target, grade, seconds)))


def _asked(what: str, default: str) -> str:
    answer: str = typer.prompt(f"  {what}", default=default)
    return answer.strip()


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ControlError(f"{what} is {text!r}, must be a number") from None


def _id(text: str) -> str:
    if not text:
        raise ControlError("the id is missing: it is such as fault-0001, or its number")
    return f"fault-{int(text):04d}" if text.isdecimal() else text


@contextmanager
def _universe(context: typer.Context, url: str | None) -> Iterator[Client]:
    try:
        with Client(url or context.obj or address(_DEMO)) as universe:
            yield universe
    except ControlError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1)


def _started(fault: Record) -> str:
    lasting = _OPEN if fault.seconds is None else f"for {fault.seconds:g} s"
    return f"{fault.id}: {_named(fault)} runs {lasting}"


def _ended(fault: Record) -> str:
    return f"{fault.id}: {_named(fault)} has ended"


def _named(fault: Record) -> str:
    return f"{fault.kind}{f' on {fault.target}' if fault.target else ''}, grade {fault.grade:g},"


def _show_kinds(kinds: Sequence[KindNow]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    for head in ("kind", "what goes wrong", "grade", "targets", "runs"):
        table.add_column(head, no_wrap=head == "kind", overflow="fold")
    group = ""
    for number, kind in enumerate(kinds, 1):
        if kind.group != group:
            group = kind.group
            table.add_row("", f"[bold]{escape(group)}[/bold]")
        running = ", ".join(f"{each.id} ({each.target or 'all'})" if kind.targets else each.id for each in kind.active)
        grades = f"{kind.grades.least:g} to {kind.grades.most:g}, usual {kind.grades.default:g}"
        row = (str(number), kind.kind, kind.sentence, grades, ", ".join(kind.targets), running)
        table.add_row(*map(escape, row), style="bold red" if running else None)
    Console().print(table)


def _show_truth(records: Sequence[Record]) -> None:
    if len(records) > _MOST_PAST:
        typer.echo(f"The last {_MOST_PAST} of {len(records)}:")
    for fault in records[-_MOST_PAST:]:
        end = fault.end or ("the universe was killed" if fault.aborted else "now")
        typer.echo(f"{fault.id}  {fault.start} to {end}  {_named(fault)} set by {fault.source}")
    if not records:
        typer.echo("Nothing was wrong so far.")
