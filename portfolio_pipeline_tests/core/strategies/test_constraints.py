"""Constraints between parameters mean what Python means by them, and nothing else can be said in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.strategies.constraints import ConstraintWrongError, constraint

NAMES = ("fast", "slow", "share")
LEAVES = st.one_of(st.sampled_from(NAMES), st.integers(0, 9).map(str), st.floats(0, 9).map(lambda x: f"{x:.3f}"))
AMOUNTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=5,
)
COMPARED = st.tuples(AMOUNTS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), AMOUNTS).map(" ".join)
CHAINED = st.tuples(COMPARED, st.sampled_from(["<", ">="]), AMOUNTS).map(" ".join)
VALUES = st.fixed_dictionaries({"fast": st.integers(0, 9), "slow": st.integers(0, 9), "share": st.floats(-3, 3)})


@given(st.one_of(COMPARED, CHAINED).filter(lambda text: any(name in text for name in NAMES)), VALUES)
def test_a_constraint_means_what_python_means_by_it(text: str, values: dict[str, float]) -> None:
    understood = constraint(text, NAMES)
    try:
        expected = bool(eval(text, {"__builtins__": {}}, dict(values)))
    except ZeroDivisionError:
        expected = False
    assert understood.holds(values) is expected
    assert set(understood.names) == {name for name in NAMES if name in text}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast < slow and slow < 9", "expected a comparison"),
        ("fast + slow", "expected a comparison"),
        ("fast", "expected a comparison"),
        ("fast in slow", "expected a comparison"),
        ("fast <", "expected a comparison"),
        ("", "expected a comparison"),
        ("fast < 3; import os", "expected a comparison"),
        ("(lambda: fast)() < 3", "is not understood"),
        ("__import__('os').getpid() < fast", "is not understood"),
        ("fast.real < 3", "fast.real' is not understood"),
        ("fast < 9 ** 9", "is not understood"),
        ("fast < 'a'", "is not understood"),
        ("fast < True", "is not understood"),
        ("fast < 1j", "is not understood"),
        ("1 < 2", "names no parameter"),
        ("fst < slow", r"fst is no parameter \(did you mean fast\?\), expected some of fast, slow, share, kind"),
        ("kind != 3", "only numbers can be compared, and kind is none"),
        ("fast < " + " + ".join(["slow"] * 60), "longer than 200 characters"),
        ("fast < " + "(" * 150 + "1" + ")" * 30, "expected a comparison"),
    ],
)
def test_what_is_no_comparison_of_numbers_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConstraintWrongError, match=words):
        constraint(text, NAMES, ["kind"])


def test_a_broken_constraint_is_told_with_its_values() -> None:
    told = constraint(" slow >= 2*fast ", NAMES).broken_by({"fast": 5, "slow": 8, "share": 1})
    assert told == "slow >= 2*fast does not hold (slow 8, fast 5)"
