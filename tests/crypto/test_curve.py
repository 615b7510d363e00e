"""The fast arithmetic against the definition: tables, halves and windows change the speed, never the sum."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colonies_edge.crypto.curve import (
    BETA,
    HALF_N,
    LAMBDA,
    G,
    N,
    P,
    Point,
    add_pairs,
    add_up,
    generator_rows,
    generator_terms,
    lift_x,
    multiples,
    scheduled,
    split,
)

TWO_G = add_up([[], [G]])
MINUS_G = (G[0], P - G[1])
EDGES = [0, 1, 2, 127, 128, 129, 255, 256, HALF_N, HALF_N + 1, N - 129, N - 128, N - 1, LAMBDA, N - LAMBDA, 2**128]


def times(scalar: int, point: Point) -> Point | None:
    """Double and add, straight from the bits."""
    return add_up([[point] if scalar >> bit & 1 else [] for bit in range(scalar.bit_length())])


def test_the_constants_are_what_they_claim() -> None:
    assert (G[1] ** 2 - G[0] ** 3 - 7) % P == 0
    assert times(N, G) is None
    assert pow(BETA, 3, P) == pow(LAMBDA, 3, N) == 1 != BETA
    assert times(LAMBDA, G) == (BETA * G[0] % P, G[1])


def test_a_sum_survives_doubling_by_addition_and_infinity_on_the_way() -> None:
    assert add_up([[G, G]]) == TWO_G
    assert add_up([[G, MINUS_G]]) is None
    assert add_up([[G, MINUS_G, G]]) == G
    assert add_up([[MINUS_G], [G]]) == G
    assert add_up([[G, G], [G, MINUS_G]]) == TWO_G
    assert add_up([]) is None
    assert add_up([[], []]) is None


def test_pairs_are_added_with_one_inversion_equal_ones_too() -> None:
    assert TWO_G is not None
    three_g = times(3, G)
    assert add_pairs([G, G, TWO_G], [G, TWO_G, G]) == [TWO_G, three_g, three_g]


def test_the_generator_table_holds_what_its_indices_say() -> None:
    rows = generator_rows()
    assert len(rows) == 32
    for i in (0, 1, 17, 31):
        for digit in (1, 2, 3, 64, 127, 128):
            assert rows[i][digit] == times(digit << 8 * i, G)


@pytest.mark.parametrize("x", range(1, 30))
def test_lifting_finds_both_points_or_none(x: int) -> None:
    even, odd = lift_x(x, 0), lift_x(x, 1)
    if even is None:
        assert odd is None
        assert pow(x**3 + 7, (P - 1) // 2, P) == P - 1
    else:
        assert odd == (x, P - even[1])
        assert even[1] % 2 == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, N - 1))
def test_a_multiple_of_the_generator_from_the_table_is_the_multiple(scalar: int) -> None:
    assert add_up([generator_terms(scalar)]) == times(scalar, G)


@pytest.mark.parametrize("scalar", EDGES)
def test_the_same_at_the_edges(scalar: int) -> None:
    assert add_up([generator_terms(scalar)]) == times(scalar, G)
    for blocks in (1, 2, 3, 4):
        assert add_up(scheduled(scalar, multiples(G, blocks))) == times(scalar, G)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, N - 1))
@example(N - 1)
@example(HALF_N)
def test_a_scalar_splits_into_two_halves_of_half_the_length(scalar: int) -> None:
    first, second = split(scalar)
    assert (first + second * LAMBDA - scalar) % N == 0
    assert max(abs(first), abs(second)) < 2**128


@settings(max_examples=60, deadline=None)
@given(st.integers(0, N - 1), st.integers(1, N - 1), st.integers(1, 5))
def test_a_multiple_of_any_point_is_the_same_however_many_blocks(scalar: int, factor: int, blocks: int) -> None:
    point = add_up([generator_terms(factor)])
    assert point is not None
    assert add_up(scheduled(scalar, multiples(point, blocks))) == times(scalar * factor % N, G)
