"""AnyValue as SQL: the column types that a value arrives in, and the expressions that turn it into text.

`Nullable` members keep 0, false and "" apart from absent. A value is typed one level deep; what lies deeper
stays bytes and is shown as base64, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable

_SCALARS = (
    "string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), "
    "double_value Nullable(Float64), bytes_value Nullable(String)"
)
_RAW = f"Tuple({_SCALARS}, array_value Nullable(String), kvlist_value Nullable(String))"
ANY = (
    f"Tuple({_SCALARS}, array_value Tuple(values Array({_RAW})), "
    f"kvlist_value Tuple(values Array(Tuple(key String, value {_RAW}))))"
)
RAW_ATTRIBUTES = f"Array(Tuple(key String, value {_RAW}))"
ATTRIBUTES = f"Array(Tuple(key String, value {ANY}))"
MAP = "Map(LowCardinality(String), String)"


def base64(raw: str) -> str:
    """Bytes as text."""
    return f"base64Encode({raw})"


def raw_text(value: str, encoded: Callable[[str], str] = base64) -> str:
    """A raw value as text: scalars as they are, everything deeper `encoded`."""
    deeper = encoded(f"coalesce({value}.bytes_value, {value}.array_value, {value}.kvlist_value)")
    return (
        f"coalesce({value}.string_value, toString({value}.int_value), toString({value}.double_value), "
        f"toString({value}.bool_value), {deeper}, '')"
    )


def _json(value: str, encoded: Callable[[str], str]) -> str:
    deeper = encoded(f"coalesce({value}.bytes_value, {value}.array_value, {value}.kvlist_value)")
    # NaN and the infinities are no JSON numbers: they are quoted.
    number = f"toString({value}.double_value)"
    return (
        f"coalesce(if(isNull({value}.string_value), NULL, toJSONString({value}.string_value)), "
        f"toString({value}.int_value), "
        f"if(isFinite({value}.double_value), {number}, concat('\"', {number}, '\"')), "
        f"toString({value}.bool_value), "
        f"concat('\"', {deeper}, '\"'), "
        "'null')"
    )


def text(value: str, encoded: Callable[[str], str] = base64) -> str:
    """A value as text: scalars as they are, arrays and key-value lists as JSON, bytes and what is deeper `encoded`."""
    array = f"arrayStringConcat(arrayMap(x -> {_json('x', encoded)}, {value}.array_value.values), ',')"
    pairs = f"arrayMap(x -> concat(toJSONString(x.key), ':', {_json('x.value', encoded)}), {value}.kvlist_value.values)"
    return (
        f"coalesce({value}.string_value, toString({value}.int_value), toString({value}.double_value), "
        f"toString({value}.bool_value), {encoded(f'{value}.bytes_value')}, "
        f"multiIf(notEmpty({value}.array_value.values), concat('[', {array}, ']'), "
        f"notEmpty({value}.kvlist_value.values), concat('{{', arrayStringConcat({pairs}, ','), '}}'), ''))"
    )


def kind(value: str) -> str:
    """The kind of a value, because "1" and 1 have the same text."""
    scalars = ", ".join(
        f"isNotNull({value}.{name}_value), '{name}'" for name in ("string", "int", "double", "bool", "bytes")
    )
    return (
        f"multiIf({scalars}, notEmpty({value}.array_value.values), 'array', "
        f"notEmpty({value}.kvlist_value.values), 'kvlist', '')"
    )


def as_map(attributes: str, as_text: Callable[[str], str] = text) -> str:
    """A list of attributes as a map of text. A key that comes twice stays twice."""
    return f"CAST(({attributes}.key, arrayMap(v -> {as_text('v')}, {attributes}.value)), '{MAP}')"


def bounded(attributes: str, most: int, most_bytes: int, as_text: Callable[[str], str] = text) -> str:
    """As `as_map`, with at most `most` attributes of at most `most_bytes` bytes each."""
    return f"CAST(({', '.join(bounded_parts(attributes, most, most_bytes, as_text))}), '{MAP}')"


def bounded_parts(attributes: str, most: int, most_bytes: int, as_text: Callable[[str], str] = text) -> tuple[str, str]:
    """The names and the values of `bounded`, as arrays."""
    cut = f"if(length(t) > {most_bytes}, toValidUTF8(left(t, {most_bytes})), t)"
    values = f"arrayMap(t -> {cut}, arrayMap(v -> {as_text('v')}, {attributes}.value))"
    return f"arraySlice({attributes}.key, 1, {most})", f"arraySlice({values}, 1, {most})"


def time(nanoseconds: str) -> str:
    """Nanoseconds since 1970 as a time. Total: never throws, whatever the number."""
    return f"fromUnixTimestamp64Nano(reinterpretAsInt64({nanoseconds}), 'UTC')"


def hexid(raw: str) -> str:
    """An id's bytes as lower-case hex."""
    return f"lower(hex({raw}))"
