"""YAML and JSON texts: what is refused, where, and how little hostile ones cost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepreview.errors import InvalidInput, Problem
from kubepreview.render.documents import MAX_FILE_BYTES, Document, gathering, parse
from kubepreview.render.yaml_nodes import MAX_HEIGHT


def _problems(text: str | bytes, file: str = "a.yaml") -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as error:
        parse(text.encode() if isinstance(text, str) else text, file)
    return error.value.problems


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is there twice; the first is on line 1"),
        ("1: a\n'1': b\n", 2, "'1' is there twice"),
        ("m:\n  x: {z: 1,\n   z: 2}\n", 3, "'z' is there twice"),
        ("yes: 1\ntrue: 2\n", 2, "'true' is there twice"),
        ("a: [1\nb: 2\n", 2, "is not YAML"),
        ("a:\n\t- b\n", 2, "is not YAML"),
        ("a: *nowhere\n", 1, "the alias *nowhere has no anchor"),
        ("a: &a\n  b: *a\n", 2, "the alias *a contains itself"),
        ("ok: 1\na: !!python/object:os.system x\n", 2, "the tag 'python/object:os.system'"),
        ("a: !custom x\n", 1, "the tag '!custom'"),
        ("a: !!set {x}\n", 1, "the tag 'set'"),
        ("a: !!int x\n", 1, "is not of the type that its tag names"),
        ("a: .inf\n", 1, ".inf is not a number that JSON has"),
        ("? [a]\n: b\n", 1, "is no key"),
        ("a: {~: 1}\n", 1, "nothing is no key"),
        ("<<: 3\n", 1, "<< takes a mapping"),
        ("a: 1\n<<: {a: 2}\n", 2, "<< brings 'a' again"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: int, words: str) -> None:
    """File, line, what is wrong, and most times what mends it."""
    (problem, *_) = _problems(text)

    assert problem.where == f"a.yaml:{line}"
    assert words in problem.what


def test_every_fault_of_a_file_is_told_at_once() -> None:
    """A second push is not needed to hear of the second duplicate."""
    assert [problem.where for problem in _problems("a: 1\na: 2\n---\nb: {c: 1, c: 2}\nb: 3\n")] == [
        "a.yaml:2",
        "a.yaml:4",
        "a.yaml:5",
    ]


def test_the_template_of_a_chart_is_recognised() -> None:
    """Somebody who names a chart's templates as plain files is told what they are."""
    (problem,) = _problems("metadata:\n  {{- include 'x' . | nindent 2 }}\n")

    assert "name the chart" in problem.cure


def test_merge_keys_give_what_kubectl_gives() -> None:
    """Written-out keys win over merged ones, and the first of several merged mappings wins."""
    text = "a: &a {k: 1, l: 1}\nb: &b {l: 2, m: 2}\nc:\n  <<: [*a, *b]\n  k: 3\nd: {'<<': 1}\n"
    (document,) = parse(text.encode(), "a.yaml")

    assert document.value["c"] == {"k": 3, "l": 1, "m": 2}
    assert document.value["d"] == {"<<": 1}


def test_aliases_are_written_out_as_values_of_their_own() -> None:
    """Changing one place must not change the other."""
    (document,) = parse(b"a: &a {x: [1]}\nb: *a\n", "a.yaml")

    assert document.value == {"a": {"x": [1]}, "b": {"x": [1]}}
    assert document.value["a"] is not document.value["b"]


def test_empty_documents_are_nothing() -> None:
    """Separators, comments and a bare null leave no document behind."""
    documents = parse(b"---\n# only a comment\n---\na: 1\n---\nnull\n---\n\n---\nb: 2\n", "a.yaml")

    assert [(document.value, document.line) for document in documents] == [({"a": 1}, 4), ({"b": 2}, 10)]


def test_a_document_knows_where_its_parts_are() -> None:
    """The line of a key; of the nearest part around it, where it is not there."""
    (document,) = parse(b"a:\n  - b: 1\n  - c:\n      d: 2\n", "a.yaml")

    assert document.at() == "a.yaml:1"
    assert document.at("a", 1, "c", "d") == "a.yaml:4"
    assert document.at("a", 1, "x", "y") == "a.yaml:3"


_LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(_LAUGHS, "too large with its aliases", id="billion laughs"),
        pytest.param(
            f"a: &a {'x' * 500_000}\nb: [{','.join(['*a'] * 400)}]\n", "too large", id="long scalar"
        ),
        pytest.param(
            "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 5000)),
            "by its aliases",
            id="chain of merges",
        ),
        pytest.param("[" * 500_000, "levels deep", id="open brackets"),
        pytest.param("- " * 400_000, "levels deep", id="dashes"),
        pytest.param("? " * 400_000, "levels deep", id="question marks"),
        pytest.param("{a: " * 200_000, "levels deep", id="open braces"),
        pytest.param(f"a: {'x' * MAX_FILE_BYTES}", "larger than 1024 KiB", id="large"),
    ],
)
@pytest.mark.timeout(10)
def test_a_bomb_is_refused_before_it_is_built(text: str, words: str) -> None:
    """What would fill the memory, or end the process by recursion, is one problem like any other."""
    (problem,) = _problems(text)

    assert words in problem.what


def test_as_deep_as_is_allowed_is_read() -> None:
    """The bound is where it says it is."""
    (document,) = parse(("[" * MAX_HEIGHT + "]" * MAX_HEIGHT).encode(), "a.yaml")

    assert str(document.value).count("[") == MAX_HEIGHT
    assert _problems("[" * (MAX_HEIGHT + 1) + "]" * (MAX_HEIGHT + 1))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is there twice"),
        (b'{"a": 1,}', "is not JSON"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b"[" * 100_000, "levels deep"),
        (b"[" * 500 + b"]" * 500, "levels deep"),
    ],
)
def test_json_is_as_strict(raw: bytes, words: str) -> None:
    """The same faults, where JSON can have them."""
    (problem,) = _problems(raw, "a.json")

    assert words in problem.what


def test_json_may_hold_several_values() -> None:
    """As kubectl reads them, one after the other."""
    documents = parse(b'{"a": "\\ud83d\\ude00"}\n\n{"b": 2}\n', "a.json")

    assert [(document.value, document.line) for document in documents] == [({"a": "😀"}, 1), ({"b": 2}, 3)]


def test_bytes_that_are_no_text_are_told() -> None:
    """Latin-1, and characters that YAML does not have."""
    assert _problems(b"a: 1\nb: \xe4\n")[0].where == "a.yaml:2"
    assert "is not YAML" in _problems("a: \x01\n")[0].what


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200) | st.text(alphabet="a&*:<-?[]{}!|>'\"# \n\t", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but documents or InvalidInput with problems ever comes out."""
    problems: list[Problem] = []
    documents: list[Document] = []
    with gathering(problems):
        documents = parse(text.encode(), "a.yaml")

    assert not (problems and documents)
