"""A body may only be joined with others when its top-level fields end exactly where it ends."""

from __future__ import annotations

import contextlib
import random

import pytest
from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import MalformedBody
from observatory.otlp.frames import walk
from observatory.otlp.signals import Signal

from .samples import Sampler

NOW_NS = 1_700_000_000_000_000_000


def field(payload: bytes, number: int = 1) -> bytes:
    return _VarintBytes(number << 3 | 2) + _VarintBytes(len(payload)) + payload


PAYLOADS = st.lists(st.binary(max_size=200), max_size=6)
BODIES = PAYLOADS.map(lambda payloads: b"".join(map(field, payloads)))
# Fields that a later OTLP might add beside the resources.
LATER = st.one_of(
    st.binary(max_size=30).map(lambda payload: field(payload, 9)),
    st.integers(0, 2**64 - 1).map(lambda number: _VarintBytes(9 << 3) + _VarintBytes(number)),
    st.binary(min_size=8, max_size=8).map(lambda eight: _VarintBytes(9 << 3 | 1) + eight),
    st.binary(min_size=4, max_size=4).map(lambda four: _VarintBytes(9 << 3 | 5) + four),
)


@pytest.mark.parametrize("signal", Signal)
def test_a_real_request_has_a_field_per_resource(signal: Signal) -> None:
    request = Sampler(random.Random(1), (NOW_NS, NOW_NS)).request(signal, 5)
    assert walk(request.SerializeToString()) == 5


def test_an_empty_body_is_whole() -> None:
    assert walk(b"") == 0


@settings(deadline=None)
@given(st.lists(BODIES | LATER, max_size=6))
def test_whole_bodies_joined_are_whole_and_none_is_lost(bodies: list[bytes]) -> None:
    assert walk(b"".join(bodies)) == sum(map(walk, bodies))


@settings(deadline=None)
@given(payload=st.binary(min_size=1, max_size=300), cut=st.integers(1, 300))
def test_a_body_cut_anywhere_in_its_last_field_is_refused(payload: bytes, cut: int) -> None:
    body = field(b"first") + field(payload)
    with pytest.raises(MalformedBody):
        walk(body[: max(len(field(b"first")) + 1, len(body) - cut)])


@settings(deadline=None)
@given(body=BODIES, neighbour=BODIES, claim=st.integers(1, 2**40))
def test_a_body_that_claims_bytes_of_its_neighbour_is_refused_alone(body: bytes, neighbour: bytes, claim: int) -> None:
    hostile = body + b"\x0a" + _VarintBytes(claim)
    with pytest.raises(MalformedBody):
        walk(hostile)
    assert walk(body + neighbour) >= 0


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_walked_or_refused(body: bytes) -> None:
    fields = 0
    with contextlib.suppress(MalformedBody):
        fields = walk(body)
    assert 0 <= fields <= len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"\x00",  # field number 0
        b"\x08\x01",  # field 1 as a number
        b"\x0d\0\0\0\0",  # field 1 as a fixed number
        b"\x0b\x0c",  # a group
        b"\x4b\x4c",  # a group of a later field
        b"\x0e",  # wire type 6
        b"\x0f",  # wire type 7
        b"\x0a",  # no length
        b"\x0a\x80",  # half a length
        b"\x0a" + b"\xff" * 11,  # a length without end
        b"\x80" * 11,  # a tag without end
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of 2^64 - 1
        field(b"fine") + b"\0",  # a zero behind a good field
    ],
)
def test_what_no_request_can_have_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        walk(body)
