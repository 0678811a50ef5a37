"""Attach: the services of a platform instrumented without a change in its code, as a bindings file says."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observatory_sdk.attach.attachment import Attachment
    from observatory_sdk.attach.bindings import Bindings

_LOCK = Lock()
_attached: Attachment | None = None


def attach(
    bindings: str | Bindings,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    environment: str = "production",
    service_name: str | None = None,
    version: str | None = None,
    sample_ratio: float = 1.0,
    without: Sequence[str] | None = None,
) -> Attachment:
    """Wrap the services that the bindings name, those imported already and those still to come.

    `bindings`: a file, or the name of one that the SDK ships, such as `cryptouniverse`. With `endpoint` the SDK is
    configured too, as by `configure`; `service_name` is then the platform's name by default. Call it once, early.

    Libraries that are watched, such as `redis`, are switched on as they are imported, except those named by `without`
    (unless given: by `OBSERVATORY_WITHOUT`, with commas between); `Attachment.libraries()` tells.

    Raises `ConfigurationError` for bindings that cannot be read, for an argument that cannot work, and when something
    is attached already. A module or method that does not exist raises nothing: `Attachment.states()` tells.
    """
    from observatory_sdk.attach import forking, libraries, logs
    from observatory_sdk.attach.attachment import Attachment
    from observatory_sdk.attach.bindings import load
    from observatory_sdk.errors import ConfigurationError
    from observatory_sdk.pipeline import configure

    global _attached
    found = load(bindings) if isinstance(bindings, str) else bindings
    logs.floor()
    watched = libraries.Libraries(libraries.LIBRARIES, libraries.without(without))
    with _LOCK:
        if _attached is not None and _attached.active:
            raise ConfigurationError("bindings are attached already: call detach() on the Attachment first")
        if endpoint is not None:
            configure(
                service_name=service_name or found.platform,
                endpoint=endpoint,
                token=token,
                environment=environment,
                version=version,
                sample_ratio=sample_ratio,
                namespace=found.platform,
            )
        forking.prepare()
        _attached = Attachment(found, watched)
        _attached.start()
    return _attached
