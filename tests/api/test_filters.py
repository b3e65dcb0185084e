"""`filters`: both shapes, refusals, and every way to compare."""

from __future__ import annotations

import pytest

from skerry.api import filters
from skerry.api.filters import Filters, any_of
from skerry.api.upstream import EngineFacts
from skerry.model.errors import InvalidParameter

OLD = EngineFacts("1.41", "1.12", "Docker/20.10.24 (linux)")
NEW = EngineFacts("1.51", "1.24", "Docker/28.5.2 (linux)", go=(1, 27))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("{}", {}),
        ('{"label":["a=b","c"]}', {"label": ["a=b", "c"]}),
        ('{"label":{"a=b":true,"c":true}}', {"label": ["a=b", "c"]}),
        ('{"label":{"a":true,"b":false}}', {"label": ["a"]}),
        ('{"name":["x","x"]}', {"name": ["x"]}),
        ("null", {}),
        ('{"name":null}', {"name": []}),
        ('{"name":{"x":null}}', {"name": []}),
    ],
)
def test_both_shapes(text: str, found: dict[str, list[str]]) -> None:
    for facts in (OLD, NEW):
        assert filters.parse(text, facts) == found
        assert filters.parse(Filters(found).render(), facts) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz", "invalid character 'z' looking for beginning of value"),
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ('{"a":', "unexpected end of JSON input"),
        ('{"name":"s1"}', "json: cannot unmarshal string into Go value of type map[string]bool"),
        ('{"name":{"x":7}}', "json: cannot unmarshal number into Go value of type bool"),
        (
            '{"a":["b"],"name":{"x":true}}',
            "json: cannot unmarshal array into Go value of type map[string]bool",
        ),
        ('{"name":[7]}', "json: cannot unmarshal array into Go value of type map[string]bool"),
        ("[1]", "json: cannot unmarshal array into Go value of type map[string]map[string]bool"),
    ],
)
def test_what_is_no_filter(text: str, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        filters.parse(text, OLD, status=500)
    assert (caught.value.message, caught.value.status) == (message, 500)
    with pytest.raises(InvalidParameter) as caught:
        filters.parse(text, NEW, status=500)
    assert (caught.value.message, caught.value.status) == ("invalid filter", 400)


def test_unknown_keys() -> None:
    Filters({"id": ["x"]}).check(("id", "name"), OLD)
    with pytest.raises(InvalidParameter, match=r"^Invalid filter 'foo'$"):
        Filters({"foo": []}).check(("id",), OLD)
    with pytest.raises(InvalidParameter, match=r"^invalid filter 'foo'$"):
        Filters({"foo": []}).check(("id",), NEW)


@pytest.mark.parametrize(
    ("asked", "passes"),
    [
        ({}, True),
        ({"label": ["a"]}, True),
        ({"label": ["a=1"]}, True),
        ({"label": ["a="]}, True),
        ({"label": ["a=2"]}, False),
        ({"label": ["a=1", "b"]}, True),
        ({"label": ["a", "c"]}, False),
        ({"label": ["a=2", "a=1"]}, True),  # of two values of one label the last counts
        ({"label": ["a=1", "a=2"]}, False),
    ],
)
def test_labels(asked: dict[str, list[str]], passes: bool) -> None:
    assert Filters(asked).labels("label", {"a": "1", "b": ""}) is passes


@pytest.mark.parametrize(
    ("compare", "asked", "passes"),
    [
        (Filters.exact, "app", True),
        (Filters.exact, "ap", False),
        (Filters.prefix, "ap", True),
        (Filters.prefix, "pp", False),
    ],
)
def test_names(compare: object, asked: str, passes: bool) -> None:
    assert callable(compare)
    assert compare(Filters({"name": [asked]}), "name", "id1", "app") is passes
    assert compare(Filters(), "name", "id1", "app") is True


def test_selectors_add_up() -> None:
    assert any_of(lambda: None, lambda: None)
    assert any_of(lambda: False, lambda: True)
    assert not any_of(lambda: None, lambda: False)
