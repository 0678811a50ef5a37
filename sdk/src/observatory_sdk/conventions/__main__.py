"""Print the reference page of all names."""

from __future__ import annotations

import sys

from observatory_sdk.conventions.page import render

if __name__ == "__main__":
    sys.stdout.write(render())
