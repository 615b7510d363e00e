"""Time that never runs backwards, and luck of the right size."""

from __future__ import annotations

import re

from colonies_edge.transports.system import CoordinatorClock, PartyClock, entropy, jitter, new_conn, new_msgid

S = 1_000_000_000
NOW = 1_790_000_000 * S


class Machine:
    """Clocks the test moves."""

    def __init__(self, wall: int = NOW, mono: int = 7 * S) -> None:
        self.wall, self.mono = wall, mono

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.mono

    def run(self, ns: int) -> None:
        self.wall += ns
        self.mono += ns


def test_time_never_runs_backwards_over_a_restart() -> None:
    machine = Machine(wall=0)
    clock = CoordinatorClock(NOW, machine)
    assert clock.now_ns() == NOW
    machine.run(5 * S)
    assert clock.now_ns() == NOW + 5 * S
    assert clock.take_step() == 0


def test_a_wall_clock_that_is_set_back_is_ignored() -> None:
    machine = Machine()
    clock = CoordinatorClock(0, machine)
    machine.run(S)
    machine.wall -= 3600 * S
    assert clock.now_ns() == NOW + S
    machine.run(2 * S)
    assert clock.now_ns() == NOW + 3 * S


def test_a_jump_forward_is_followed_and_reported_once_with_its_size() -> None:
    machine = Machine()
    clock = CoordinatorClock(0, machine)
    machine.run(S)
    machine.wall += 3600 * S
    assert clock.now_ns() == NOW + 3601 * S
    assert clock.take_step() == 3600 * S
    assert clock.take_step() == 0


def test_jumps_between_two_looks_add_up() -> None:
    machine = Machine()
    clock = CoordinatorClock(0, machine)
    for _ in range(2):
        machine.wall += 10 * S
        clock.now_ns()
    assert clock.take_step() == 20 * S


def test_small_differences_are_followed_silently() -> None:
    machine = Machine()
    clock = CoordinatorClock(0, machine)
    machine.run(S)
    machine.wall += S // 2
    assert clock.now_ns() == NOW + S + S // 2
    assert clock.take_step() == 0


def test_after_the_wall_caught_up_with_the_floor_it_is_followed_again() -> None:
    machine = Machine(wall=NOW - 3 * S)
    clock = CoordinatorClock(NOW, machine)
    machine.wall = NOW + 2 * S
    assert clock.now_ns() == NOW + 2 * S
    assert clock.take_step() == 2 * S


def test_a_client_believes_its_own_clock_until_it_learnt_better_and_then_no_step_of_it() -> None:
    machine = Machine()
    clock = PartyClock(machine)
    assert (clock.now_ms(), clock.offset_ms) == (NOW // 1_000_000, 0)
    clock.learn(NOW // 1_000_000 + 5_000)
    assert clock.offset_ms == 5_000
    machine.run(2 * S)
    machine.wall += 9_999 * S
    assert clock.now_ms() == NOW // 1_000_000 + 7_000


def test_ids_have_the_length_and_the_letters_of_the_protocol() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", new_msgid()) for _ in range(100))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{12}", new_conn()) for _ in range(100))
    assert len({new_msgid() for _ in range(1000)}) == 1000
    assert len(entropy(32)) == 32
    assert all(5.0 <= jitter(10.0) <= 10.0 for _ in range(100))
