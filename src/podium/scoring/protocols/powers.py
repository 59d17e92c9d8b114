"""Powers of five as 128-bit fractions, by which decimal numbers become binary ones."""

import struct

LOWEST, HIGHEST = -342, 308
"""Powers of ten; beyond them float64 has no number but zero, or none."""
_BITS, _HALF = 128, 64


def table() -> bytes:
    """Upper and lower half of 5^q for each power, as whole numbers of 64 bits in native order. [powers, 2]

    Each is scaled to 128 bits with the first one set, and what is behind them cut off; a reciprocal is rounded up first
    (D. Lemire, Number parsing at a gigabyte per second, Software: Practice and Experience 51(8), 2021, sections 5, 6).
    """
    halves: list[int] = []
    for power in range(LOWEST, HIGHEST + 1):
        scaled = _scaled(power)
        halves += [scaled >> _HALF, scaled & (1 << _HALF) - 1]
    return struct.pack(f"={len(halves)}Q", *halves)


def _scaled(power: int) -> int:
    whole = 5**power if power >= 0 else _reciprocal(5**-power)
    more = whole.bit_length() - _BITS
    return whole >> more if more > 0 else whole << -more


def _reciprocal(divisor: int) -> int:
    size = (divisor - 1).bit_length()
    scale = size + _BITS - 1 if size <= _HALF else 2 * size + _BITS
    return (1 << scale) // divisor + 1
