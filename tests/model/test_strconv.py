"""Numbers and quotes as Go reads and writes them."""

from __future__ import annotations

import pytest

from skerry.model.go import strconv, timestamps
from skerry.model.times import duration

LONG = "9" * 5_000


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("0", 10, 0),
        ("-0", 10, 0),
        ("+5", 10, 5),
        ("007", 10, 7),
        ("0" * 5_000 + "1", 10, 1),
        ("9223372036854775807", 10, 2**63 - 1),
        ("-9223372036854775808", 10, -(2**63)),
        ("0x1F", 0, 31),
        ("0X_1f", 0, 31),
        ("0b101", 0, 5),
        ("0o17", 0, 15),
        ("017", 0, 15),
        ("1_000", 0, 1000),
        ("-0x8000000000000000", 0, -(2**63)),
    ],
)
def test_what_is_a_number(text: str, base: int, number: int) -> None:
    assert strconv.parse_int(text, base) == number


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("text", "base", "reason"),
    [
        (LONG, 10, strconv.RANGE),
        ("0x" + "f" * 5_000, 0, strconv.RANGE),
        ("9223372036854775808", 10, strconv.RANGE),
        ("-9223372036854775809", 10, strconv.RANGE),
        ("", 10, strconv.SYNTAX),
        ("+", 10, strconv.SYNTAX),
        ("--1", 10, strconv.SYNTAX),
        ("²", 10, strconv.SYNTAX),
        ("٣", 10, strconv.SYNTAX),
        ("１", 10, strconv.SYNTAX),
        (" 5", 10, strconv.SYNTAX),
        ("5 ", 10, strconv.SYNTAX),
        ("5\n", 10, strconv.SYNTAX),
        ("1_0", 10, strconv.SYNTAX),
        ("0x10", 10, strconv.SYNTAX),
        ("1.5", 10, strconv.SYNTAX),
        ("1e3", 10, strconv.SYNTAX),
        ("08", 0, strconv.SYNTAX),
        ("1__0", 0, strconv.SYNTAX),
        ("_1", 0, strconv.SYNTAX),
        ("0x", 0, strconv.SYNTAX),
    ],
)
def test_what_is_none(text: str, base: int, reason: str) -> None:
    with pytest.raises(strconv.NumError) as refused:
        strconv.parse_int(text, base)
    assert refused.value.reason == reason
    assert str(refused.value) == f"strconv.ParseInt: parsing {strconv.quote(text)}: {reason}"


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("18446744073709551616", strconv.RANGE),
        (LONG, strconv.RANGE),
        ("+1", strconv.SYNTAX),
        ("-1", strconv.SYNTAX),
        ("-0", strconv.SYNTAX),
    ],
)
def test_what_has_no_sign(text: str, reason: str) -> None:
    assert strconv.parse_uint("18446744073709551615") == 2**64 - 1
    with pytest.raises(strconv.NumError, match=f"strconv.ParseUint: .*: {reason}"):
        strconv.parse_uint(text)


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), ("-0", 0.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1e-999", 0.0), ("0x1p4", 16.0)],
)
def test_what_is_a_float(text: str, number: float) -> None:
    assert strconv.parse_float(text) == number


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    "text", ["1e999", LONG, "-1e999", "0x1p99999", "", ".", "1e", "1_0", "٣.٣", " 1", "0x1"]
)
def test_what_is_no_float(text: str) -> None:
    with pytest.raises(strconv.NumError):
        strconv.parse_float(text)


@pytest.mark.parametrize(
    "text", ["plain", 'a"b', "tab\t", "\a\b\f\n\r\t\v\\", "é\u2028\U0001f600", "\x00\x7f", "\udcff"]
)
def test_a_quoted_text_is_read_back(text: str) -> None:
    for ascii_only in (False, True):
        assert strconv.unquote(strconv.quote(text, ascii_only=ascii_only)) == text


@pytest.mark.parametrize(
    "literal", [r'"\q"', r'"\x1"', r'"\u12"', r'"\ud800"', r'"\U00110000"', r'"\400"', r'"\'"']
)
def test_what_is_no_literal(literal: str) -> None:
    with pytest.raises(ValueError, match=strconv.SYNTAX):
        strconv.unquote(literal)


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1795448028.517", 1795448028517000000),
        ("5", 5 * 10**9),
        ("+1.000000001", 10**9 + 1),
        ("-1", -(10**9)),
    ],
)
def test_an_instant(text: str, ns: int) -> None:
    assert timestamps.parse(text) == ns


@pytest.mark.case("C8")
@pytest.mark.parametrize("text", [LONG, f"1.{LONG}", "", "1.", "1e9", "²", "٣", " 1", "2026-11-27"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(strconv.NumError):
        timestamps.parse(text)


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    "text", [f"{LONG}s", f"1.{LONG}{LONG}h9999999999s", "9223372037s", "٣s", "1_0s", "²s", "1e3s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        duration(text)
