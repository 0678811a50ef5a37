"""Where a server of the outside world is reached."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port on this machine."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"
