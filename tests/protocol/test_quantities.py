"""CPU and memory in their units, and what becomes of a function spec at submit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.model import Conditions, FunctionSpec, Gpu
from colonies_edge.protocol.quantities import bytes_of, format_cpu, format_mib, millicores, normalised
from tests.protocol.objects import many


@pytest.mark.parametrize(("text", "number"), [("", 0), ("1500m", 1500), ("0m", 0), ("-5m", -5), ("2", 2000)])
def test_cpu_is_read(text: str, number: int) -> None:
    assert millicores(text) == number


@pytest.mark.parametrize("text", ["m", "1.5m", "1 m", "onem", "1.5", " 1m", "1m\n", "٣m", "9" * 30 + "m", "9" * 19])
def test_a_cpu_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Error converting CPU to int"):
        millicores(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("1Ki", 1024),
        ("1KiB", 1024),
        ("2Mi", 2 * 2**20),
        ("2048MiB", 2**31),
        ("1Gi", 2**30),
        ("3TiB", 3 * 2**40),
        ("1Ti", 2**40),
        ("1K", 1000),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1Gb", 10**9),
        ("1GB", 10**9),
        ("1MB", 10**6),
        ("1kb", 1000),
        ("1TB", 10**12),
        ("1T", 10**12),
        ("1gib", 2**30),
        ("-1Ki", -1024),
    ],
)
def test_memory_is_read_in_every_unit_and_any_letter_case(text: str, number: int) -> None:
    assert bytes_of(text) == number


@pytest.mark.parametrize(
    ("text", "rest"),
    [("100", "100"), ("1.5Gi", "1.5"), ("much", ""), ("Gi", ""), (" 1Gi", " 1"), ("1 Gi", "1 "), ("16X", "16")],
)
def test_a_memory_that_means_nothing_is_refused_in_the_words_of_the_go_server(text: str, rest: str) -> None:
    with pytest.raises(BadRequest) as caught:
        bytes_of(text)
    wanted = f'error converting memory to int: strconv.ParseInt: parsing "{rest}": invalid syntax'
    assert caught.value.message == wanted


def test_more_than_64_bits_of_memory_are_refused() -> None:
    with pytest.raises(BadRequest, match="64-bit"):
        bytes_of("9999999999Ti")


@pytest.mark.parametrize(("size", "text"), [("1G", "953Mi"), ("500K", "0Mi"), ("1Gi", "1024Mi"), ("-1500Ki", "-1Mi")])
def test_memory_is_shown_in_whole_mib_rounded_toward_zero(size: str, text: str) -> None:
    assert format_mib(bytes_of(size)) == text


@many
@given(st.integers(-(2**40), 2**40))
def test_what_is_shown_reads_as_the_same_number(number: int) -> None:
    assert millicores(format_cpu(number)) == number
    assert bytes_of(format_mib(number)) == int(number / 2**20) * 2**20


@many
@given(st.text())
def test_any_text_is_a_number_or_a_bad_request(text: str) -> None:
    for read in (millicores, bytes_of):
        try:
            assert isinstance(read(text), int)
        except BadRequest:
            continue


def test_the_smallest_spec_is_filled_in() -> None:
    spec = normalised(FunctionSpec())
    assert (spec.maxwaittime, spec.maxexectime, spec.maxretries) == (-1, -1, 0)
    assert (spec.conditions.cpu, spec.conditions.mem, spec.conditions.storage) == ("0m", "0Mi", "0Mi")
    assert spec.conditions.gpu == Gpu(mem="0Mi")


def test_quantities_are_shown_in_one_unit_and_the_rest_stays() -> None:
    gpu = Gpu(name="t4", mem="16Gi", count=2, nodecount=1)
    conditions = Conditions(colonyname="lab", cpu="500m", mem="1G", storage="2Gi", gpu=gpu, locationname="roof")
    spec = FunctionSpec(funcname="f", args=(1,), maxexectime=10, maxwaittime=20, maxretries=-1, conditions=conditions)
    got = normalised(spec)
    shown = replace(conditions, mem="953Mi", storage="2048Mi", gpu=replace(gpu, mem="16384Mi"))
    assert got == replace(spec, conditions=shown)
    assert normalised(got) == got


def test_a_star_alone_names_nobody_in_particular() -> None:
    def names(*given: str) -> tuple[str, ...]:
        return normalised(FunctionSpec(conditions=Conditions(executornames=given))).conditions.executornames

    assert names("*") == ()
    assert names("*", "a") == ("*", "a")


@pytest.mark.parametrize("limit", [0, -1, -2, -(2**31)])
def test_no_limit_is_minus_one_however_it_was_written(limit: int) -> None:
    spec = normalised(FunctionSpec(maxwaittime=limit, maxexectime=limit))
    assert (spec.maxwaittime, spec.maxexectime) == (-1, -1)


@pytest.mark.parametrize("priority", [50_001, -50_001])
def test_a_priority_outside_the_range_is_refused_in_the_words_of_the_go_server(priority: int) -> None:
    with pytest.raises(BadRequest) as caught:
        normalised(FunctionSpec(priority=priority))
    assert caught.value.message == "Failed to submit function spec, priority outside range [-50000, 50000]"


@pytest.mark.parametrize(
    "spec",
    [
        FunctionSpec(maxwaittime=3_000_000_000),
        FunctionSpec(maxexectime=3_000_000_000),
        FunctionSpec(maxretries=3_000_000_000),
        FunctionSpec(maxretries=-3_000_000_000),
        FunctionSpec(conditions=Conditions(nodes=3_000_000_000)),
        FunctionSpec(conditions=Conditions(processes=3_000_000_000)),
        FunctionSpec(conditions=Conditions(processespernode=3_000_000_000)),
    ],
)
def test_numbers_beyond_32_bits_are_refused(spec: FunctionSpec) -> None:
    with pytest.raises(BadRequest, match="out of range"):
        normalised(spec)
