"""The exception tree.

ObservatoryError
├── SettingsError           a knob has a value it must not have
├── StoreError              the telemetry store refused or failed
│   └── MigrationError      a migration or view could not be applied
├── CatalogueError          the catalogue's data contradicts itself (in `catalogue`)
├── DefinitionError         an area's folder contradicts itself (in `areas`)
├── Unread                  a target of a collector could not be read (in `collect`)
├── StateError              the control store refused or failed
├── BodyError               a telemetry body that its sender must not send again
│   ├── MalformedBody       not a message of its signal (400)
│   ├── BodyTooLarge        over the limit, packed or unpacked (413)
│   └── UnsupportedBody     a content type or encoding we do not read (415)
├── Overloaded              no room now; try again after `retry_after_s` (503)
├── RequestError            a request of the API that cannot be met as it stands
│   ├── InvalidRequest      a value that is not allowed (422)
│   └── NotFound            no such thing (404)
└── AccessError
    ├── Unauthenticated     no token, or not one of ours (401)
    ├── Forbidden           a token without the scope asked for (403)
    └── Throttled           too many attempts; try again after `retry_after_s` (429)
"""


class ObservatoryError(Exception):
    """Root of every error that Observatory raises on purpose."""


class SettingsError(ObservatoryError):
    """A setting has a bad value. The message names the knob, the value and the range."""


class StoreError(ObservatoryError):
    """The telemetry store refused a statement or failed to run it."""


class MigrationError(StoreError):
    """A migration or a view of the telemetry store could not be applied."""


class StateError(ObservatoryError):
    """The control store refused a statement or failed to run it."""


class BodyError(ObservatoryError):
    """A telemetry body that its sender must not send again."""


class MalformedBody(BodyError):
    """The bytes are not a message of their signal."""


class BodyTooLarge(BodyError):
    """The body is over the limit, packed or unpacked."""


class UnsupportedBody(BodyError):
    """The content type or the content encoding is none that the door reads."""


class Overloaded(ObservatoryError):
    """There is no room for the body now.

    Args:
        message: what is full.
        retry_after_s: when to try again, in seconds.
    """

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RequestError(ObservatoryError):
    """A request of the API that cannot be met as it stands."""


class InvalidRequest(RequestError):
    """A value of the request is not allowed. The message names the value's place and what is allowed."""


class NotFound(RequestError):
    """The thing asked for does not exist."""


class AccessError(ObservatoryError):
    """A caller that may not do what it asks for."""


class Unauthenticated(AccessError):
    """No token was presented, or none that is known and in force."""


class Forbidden(AccessError):
    """The token is in force but lacks the scope asked for."""


class Throttled(AccessError):
    """Too many attempts from one address.

    Args:
        message: what was attempted too often.
        retry_after_s: when to try again, in seconds.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
