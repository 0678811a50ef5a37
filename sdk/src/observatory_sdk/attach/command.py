"""`observatory-attach --bindings NAME -- command ...`: runs a command with the bindings attached, or checks them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import NoReturn

from observatory_sdk.attach import bindings, check, settings
from observatory_sdk.errors import ConfigurationError

MISSING = 1
BAD_USE = 2
NOT_FOUND = 127
_BOOT = str(Path(__file__).parent / "boot")
# Of this one the host's first lines may take a function that an instrumentation replaces: later would be too late.
_EARLY = ("sqlalchemy",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by the command; an answer only when that cannot be."""
    given = _parser().parse_args(arguments)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    environment = dict(os.environ)
    if given.bindings is not None:
        environment[settings.BINDINGS.name] = given.bindings
    try:
        if given.check:
            return _check(environment, given.entry)
        prepare(environment)
    except ConfigurationError as error:
        return _refuse(BAD_USE, str(error))
    if not command:
        return _refuse(BAD_USE, "no command: observatory-attach --bindings NAME -- command ...")
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        return _refuse(NOT_FOUND, f"there is no command {command[0]!r}")
    return _become(program, command, environment)


def _check(environment: Mapping[str, str], entry: str | None) -> int:
    name = environment.get(settings.BINDINGS.name)
    if name is None:
        raise ConfigurationError("--check takes --bindings NAME|FILE")
    found = bindings.load(name)
    report = check.check(found, [str(Path.cwd()), *sys.path], entry)
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return MISSING if report.failed else 0


def _become(program: str, command: list[str], environment: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    os.execve(program, command, environment)  # noqa: S606 - no shell is wanted


def prepare(environment: MutableMapping[str, str]) -> None:
    """Make an environment in which Python attaches when it starts.

    Raises `ConfigurationError` for settings or bindings that cannot work: before the command starts, not in it.
    """
    found = settings.read(environment)
    bound = bindings.load(found.bindings)
    targets = [target.module.partition(".")[0] for _, target in bound.targets()]
    environment[settings.ATTACH_AT] = ",".join(dict.fromkeys([*bound.packages, *targets, *_EARLY]))
    if Path(found.bindings).is_file():
        # The command may change its working directory, and so may the processes that it starts.
        environment[settings.BINDINGS.name] = str(Path(found.bindings).resolve())
    environment["PYTHONPATH"] = os.pathsep.join([_BOOT, *_others(environment)])


def _others(environment: Mapping[str, str]) -> list[str]:
    entries = environment.get("PYTHONPATH", "").split(os.pathsep)
    return [entry for entry in entries if entry and entry != _BOOT]


def _refuse(status: int, sentence: str) -> int:
    sys.stderr.write(f"observatory-attach: {sentence}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    width = max(len(setting.name) for setting in settings.TABLE)
    table = "\n".join(
        f"  {setting.name:<{width}}  {setting.sentence}"
        + (f" Default: {setting.default}." if setting.default is not None else "")
        for setting in settings.TABLE
    )
    parser = argparse.ArgumentParser(
        "observatory-attach",
        description="Run a command and watch the services that the bindings name, without a change in its code.",
        epilog=f"environment:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bindings", metavar="NAME|FILE", help="bindings: a file, or the name of one that is shipped")
    parser.add_argument("--check", action="store_true", help="run nothing: compare the bindings with what is installed")
    parser.add_argument("--entry", metavar="MODULE", help="with --check: the module that starts the platform, as main")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
