"""How Go writes a float64: the fewest digits that tell it, or as many as are asked for."""

from __future__ import annotations

import math
from decimal import Decimal

MANTISSA_BITS = 52
SHORTEST_EXPONENT = 6
"""Without a precision: from this exponent on, it is written."""


def formatted(value: float, verb: str, precision: int | None, *, sharp: bool = False) -> str:
    """`value` for one of the verbs v, g, G, e, E, f, F, x, X, b, with its sign only where it is negative."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    if verb in "xX":
        text = _hexadecimal(value, precision)
        return text.upper() if verb == "X" else text
    if verb == "b":
        return _binary(value)
    if verb in "fF":
        return f"{value:.{6 if precision is None else precision}f}"
    if verb in "eE":
        return f"{value:.{6 if precision is None else precision}{verb}}"
    if precision is None and not sharp:
        text = _shortest(value)
    else:
        text = f"{value:{'#' if sharp else ''}.{6 if precision is None else precision}g}"
    return text.upper() if verb == "G" else text


def _shortest(value: float) -> str:
    """repr finds the fewest digits; where they go is Go's choice."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + exponent if value else 1
    minus = "-" if sign else ""
    power = point - 1
    if power < -4 or power >= SHORTEST_EXPONENT:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{minus}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    whole, fraction = text[:point].ljust(point, "0"), text[point:]
    return f"{minus}{whole}.{fraction}" if fraction else f"{minus}{whole}"


def _hexadecimal(value: float, precision: int | None) -> str:
    """Go's %x: a mantissa of one bit before the point and hexadecimal digits behind it, and a power of two. A
    precision that drops digits rounds half to even, as Go does."""
    fraction, exponent = math.frexp(abs(value))
    minus = "-" if math.copysign(1, value) < 0 else ""
    mantissa = int(fraction * (1 << (MANTISSA_BITS + 1)))  # 1.xxx with 52 bits behind the point
    exponent = exponent - 1 if value else 0
    if precision is not None and precision < MANTISSA_BITS // 4:
        drop = MANTISSA_BITS - 4 * precision
        half, rest = 1 << (drop - 1), mantissa & ((1 << drop) - 1)
        mantissa >>= drop
        mantissa += rest > half or (rest == half and mantissa & 1)
        mantissa <<= drop
        if mantissa >> (MANTISSA_BITS + 1):
            mantissa, exponent = mantissa >> 1, exponent + 1
    digits = f"{mantissa & ((1 << MANTISSA_BITS) - 1):013x}"
    digits = digits.rstrip("0") if precision is None else digits[:precision].ljust(precision, "0")
    point = f".{digits}" if digits else ""
    return f"{minus}0x{mantissa >> MANTISSA_BITS}{point}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _binary(value: float) -> str:
    fraction, exponent = math.frexp(value)
    mantissa = int(fraction * (1 << (MANTISSA_BITS + 1)))
    power = exponent - MANTISSA_BITS - 1 if value else -1074
    return f"{mantissa}p{'-' if power < 0 else '+'}{abs(power)}"
