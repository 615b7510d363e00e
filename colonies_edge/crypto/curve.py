"""Arithmetic on the curve secp256k1, as fast as plain Python integers allow.

Not constant-time: Python integers never are. Where a local attacker can measure us, install libsecp256k1.
"""

from functools import cache
from typing import TypeAlias

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_N = N // 2
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

# The curve has a cheap endomorphism, LAMBDA * (x, y) == (BETA * x, y), and (A1, B1), (A2, B2) is a short basis of the
# lattice of pairs with a + b * LAMBDA == 0 (mod N). Together they halve the doublings (Gallant, Lambert, Vanstone).
LAMBDA = 0x5363AD4CC05C30E0A5261C028812645A122E22EA20816678DF02967C1B23BD72
BETA = 0x7AE96A2B657C07106E64479EAC3434E99CF0497512F58995C1396C28719501EE
A1 = B2 = 0x3086D221A7D46BCDE86C90E49284EB15
B1 = -0xE4437ED6010E88286F547FA90ABFE4C3
A2 = 0x114CA50F7A8E2F3F657C1108D9D44CFD8

HALF_SCALAR_BITS = 129  # what split() can return, with one bit to spare
WINDOW_BITS = 5  # 8 odd multiples: wider tables cost more to make than they save when a key is seen once
WINDOW = 1 << WINDOW_BITS

Point: TypeAlias = tuple[int, int]
Row: TypeAlias = list[Point]
Schedule: TypeAlias = list[list[Point]]  # schedule[i] is added 2**i times
Multiples: TypeAlias = list[tuple[Row, Row]]  # per block: the odd multiples of a point, and those times LAMBDA


def lift_x(x: int, odd: int) -> Point | None:
    """The point with this x and this parity of y, if x is on the curve at all."""
    square = (x * x * x + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return (x, y) if y & 1 == odd else (x, P - y)


def add_up(schedule: Schedule) -> Point | None:
    """The sum of 2**i times every point of schedule[i]; None is the point at infinity.

    Jacobian coordinates until the end, and the mixed addition inline, because one sum needs up to eighty of them.
    """
    x, y, z = 0, 1, 0
    for level in reversed(schedule):
        if z:
            x, y, z = _doubled(x, y, z)
        for px, py in level:
            if not z:
                x, y, z = px, py, 1
                continue
            zz = z * z % P
            h = (px * zz - x) % P
            r = (py * (zz * z % P) - y) % P
            if not h:
                x, y, z = (0, 1, 0) if r else _doubled(x, y, z)
                continue
            hh = h * h % P
            hhh = h * hh % P
            v = x * hh % P
            x = (r * r - hhh - 2 * v) % P
            y = (r * (v - x) - y * hhh) % P
            z = z * h % P
    if not z:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _doubled(x: int, y: int, z: int) -> tuple[int, int, int]:
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * x * x % P
    x = (m * m - 2 * s) % P
    return x, (m * (s - x) - 8 * yy * yy) % P, 2 * y * z % P


def add_pairs(left: Row, right: Row) -> Row:
    """left[i] + right[i] for all i at the price of a single inversion; no pair may sum up to infinity."""
    steps = [
        (x2 - x1, y2 - y1) if x1 != x2 else (2 * y1, 3 * x1 * x1)
        for (x1, y1), (x2, y2) in zip(left, right, strict=True)
    ]
    prefix = [1]
    for run, _ in steps:
        prefix.append(prefix[-1] * run % P)
    inverse = pow(prefix[-1], -1, P)
    sums: Row = []
    for i in range(len(steps) - 1, -1, -1):
        run, rise = steps[i]
        slope = rise * (prefix[i] * inverse % P) % P
        inverse = inverse * run % P
        x1, y1 = left[i]
        x = (slope * slope - x1 - right[i][0]) % P
        sums.append((x, (slope * (x1 - x) - y1) % P))
    sums.reverse()
    return sums


@cache
def generator_rows() -> list[Row]:
    """rows[i][d] == d * 256**i * G for d = 1 ... 128; made on first use (about 20 ms), for every signature."""
    rows = []
    base = G
    for _ in range(32):
        row = [base]
        while len(row) < 128:
            row += add_pairs(row, [row[-1]] * len(row))
        rows.append([base, *row])  # index 0 is never looked up: a zero digit adds nothing
        (base,) = add_pairs(row[-1:], row[-1:])
    return rows


def generator_terms(scalar: int) -> list[Point]:
    """At most 32 points whose sum is scalar * G, without a single doubling.

    Signed digits halve the table, and starting from a scalar in the lower half keeps the last digit from overflowing.
    """
    flip = scalar > HALF_N
    carry = 0
    terms = []
    low = N - scalar if flip else scalar
    for byte, row in zip(low.to_bytes(32, "little"), generator_rows(), strict=True):
        digit = byte + carry
        carry = digit > 128
        if carry:
            digit = 256 - digit
        if digit:
            point = row[digit]
            terms.append((point[0], P - point[1]) if carry != flip else point)
    return terms


def split(scalar: int) -> tuple[int, int]:
    """Two signed halves with scalar == first + second * LAMBDA (mod N), both below 2**128 in size."""
    c1 = (B2 * scalar + HALF_N) // N
    c2 = (-B1 * scalar + HALF_N) // N
    return scalar - c1 * A1 - c2 * A2, -c1 * B1 - c2 * B2


def multiples(point: Point, blocks: int = 1) -> Multiples:
    """Tables for scheduled(): with more blocks they take longer to make, and save doublings at every use."""
    span = -(-HALF_SCALAR_BITS // blocks)
    tables = []
    base: Point | None = point
    for block in range(blocks):
        if block:
            base = add_up([[]] * span + [[base]]) if base else None
        assert base is not None, "the order of the curve is an odd prime: doubling never ends at infinity"
        row = _odd_multiples(base)
        tables.append((row, [(BETA * x % P, y) for x, y in row]))
    return tables


def _odd_multiples(p1: Point) -> Row:
    """1, 3, 5 ... 15 times the point, in four rounds: inversions are what an affine addition costs."""
    (p2,) = add_pairs([p1], [p1])
    p3, p4 = add_pairs([p1, p2], [p2, p2])
    p5, p7, p8 = add_pairs([p1, p3, p4], [p4, p4, p4])
    return [p1, p3, p5, p7, *add_pairs([p1, p3, p5, p7], [p8] * 4)]


def scheduled(scalar: int, tables: Multiples) -> Schedule:
    """The schedule whose sum is scalar times the point of the tables: GLV halves in wNAF, block by block."""
    span = -(-HALF_SCALAR_BITS // len(tables))
    schedule: Schedule = [[] for _ in range(span + 1)]
    for which, half in enumerate(split(scalar)):
        rest = abs(half)
        for rows in tables:
            _schedule_block(rest & ((1 << span) - 1), half < 0, rows[which], schedule)
            rest >>= span
    return schedule


def _schedule_block(value: int, negative: bool, row: Row, schedule: Schedule) -> None:
    bit = 0
    while value:
        zeros = (value & -value).bit_length() - 1
        value >>= zeros
        bit += zeros
        digit = value % WINDOW
        value >>= WINDOW_BITS
        flip = digit > WINDOW // 2
        if flip:
            digit = WINDOW - digit
            value += 1
        point = row[digit >> 1]
        schedule[bit].append((point[0], P - point[1]) if flip != negative else point)
        bit += WINDOW_BITS
