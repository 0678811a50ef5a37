"""Becomes another program, one that ends when its parent does. Run as a script, by `program`.

A child cannot ask for that after it has become the program, and a hook between fork and exec would run Python where
threads may hold locks. So a small interpreter asks for it and then turns into the program: the process id stays.

Arguments: parent's process id, signal to be sent when the parent ends, user and group id (-1: as they are), program and
its arguments.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def launch(parent: int, farewell: int, user: int, group: int, command: list[str]) -> None:
    """Turns this process into `command`; does not return."""
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if sys.platform == "linux":
        # After the user: a change of user takes the wish back.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, farewell)
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    parent_, farewell_, user_, group_ = map(int, sys.argv[1:5])
    launch(parent_, farewell_, user_, group_, sys.argv[5:])
