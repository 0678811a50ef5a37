"""The outermost frames of a request body.

Bodies are joined by putting them end to end. A body that claims more bytes than it has would swallow its neighbour
unseen, so each is walked first: hop over its top-level fields, and end exactly at its end.
"""

from __future__ import annotations

from observatory.errors import MalformedBody

_VARINT_BYTES = 10
# Each hop costs about a microsecond on the event loop.
_MOST_FIELDS = 1 << 16
# Field 1, a message: the groups by resource of a request, and the resource of a group.
_GROUP = 0x0A


def walk(body: bytes) -> int:
    """Hop over the top-level fields of `body` and return how many there are.

    Raises:
        MalformedBody: if a field is cut off, over-long, or of a wire type that a request cannot have.
    """
    at, end, fields = 0, len(body), 0
    while at < end:
        tag, at = _varint(body, at, end)
        at = _hop(body, tag, at, end)
        fields += 1
        if fields > _MOST_FIELDS:
            raise MalformedBody(f"more than {_MOST_FIELDS} top-level fields")
    return fields


def all_marked(body: bytes, mark: bytes) -> bool:
    """Whether `mark` stands in the resource of every group of a request that `walk` found whole.

    A group whose resource is not its first field counts as one without it.
    """
    at, end = 0, len(body)
    while at < end:
        tag, at = _varint(body, at, end)
        after = _hop(body, tag, at, end)
        if tag == _GROUP and not _marked(body, at, after, mark):
            return False
        at = after
    return True


def _marked(body: bytes, at: int, end: int, mark: bytes) -> bool:
    _, at = _varint(body, at, end)
    if at >= end or body[at] != _GROUP:
        return False
    size, at = _varint(body, at + 1, end)
    return body.find(mark, at, min(at + size, end)) >= 0


def _hop(body: bytes, tag: int, at: int, end: int) -> int:
    number, wire_type = tag >> 3, tag & 7
    if not 0 < number < 1 << 29:
        raise MalformedBody(f"field number {number} at byte {at}")
    if wire_type == 2:
        size, at = _varint(body, at, end)
        at += size
    elif number == 1:
        # Field 1 is the list of resources in each of the three requests; anything but a message is another protocol.
        raise MalformedBody(f"field 1 has wire type {wire_type}, a message is needed")
    elif wire_type == 0:
        _, at = _varint(body, at, end)
    elif wire_type in (1, 5):
        at += 8 if wire_type == 1 else 4
    else:
        raise MalformedBody(f"wire type {wire_type} at byte {at}")
    if at > end:
        raise MalformedBody(f"the last field claims {at - end} bytes more than the body has")
    return at


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_BYTES):
        if at + index >= end:
            raise MalformedBody("the body ends inside a field's length")
        byte = body[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise MalformedBody(f"a number at byte {at} does not end")
