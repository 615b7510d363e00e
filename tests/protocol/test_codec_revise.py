"""A revised copy is what `dataclasses.replace` would have made."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.engine.rows import TABLES
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.model import Gpu
from tests.protocol.objects import few, objects


@pytest.mark.parametrize("cls", TABLES.values(), ids=lambda cls: cls.__name__)
@few
@given(data=st.data())
def test_a_revised_copy_is_a_replaced_one_and_the_original_stays(cls: type[Any], data: st.DataObject) -> None:
    old, new = data.draw(objects(cls)), data.draw(objects(cls))
    names = data.draw(st.sets(st.sampled_from(cls.__slots__)))
    changes = {name: getattr(new, name) for name in names}
    before = replace(old)
    assert revised(old, changes) == replace(old, **changes)
    assert old == before


def test_a_field_that_there_is_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no field colour"):
        revised(Gpu(), {"colour": "red"})
