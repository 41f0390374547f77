"""Names that a person would take for one another."""

from __future__ import annotations

import pytest

from p2pd.chat.lookalikes import looks_of

ALIKE = [
    ("Alice", "alice"),
    ("alice", "аlice"),
    ("alice", "alісe"),
    ("paypal", "pаypаl"),
    ("PayPal", "PayPaI"),
    ("PayPal", "PayPa1"),
    ("Bob", "B0b"),
    ("Bob", "Воb"),
    ("BOB", "ВОВ"),
    ("Olga", "0lga"),
    ("Mark", "Μark"),
    ("mom", "rnorn"),
    ("modern", "rnodem"),
    ("Admin", "Adrnin"),
    ("admin", "аdmіn"),
    ("root", "rооt"),
    ("Kai", "Κаі"),
    ("scope", "ѕсоре"),
    ("Peter", "Ρeter"),
    ("Peter", "Реtеr"),
    ("Tom", "Тоm"),
    ("TOM", "ТОМ"),
    ("Xenia", "Хеniа"),
    ("Ivo", "lvo"),
    ("Ivo", "1vo"),
    ("will", "wi11"),
    ("will", "wiII"),
    ("José", "Jose"),
    ("Zoë", "Zoe"),
    ("Ada Lovelace", "AdaLovelace"),
    ("Ada Lovelace", "ada  lovelace"),
    ("Ada", "Ａｄａ"),
    ("Ada", "𝐀𝐝𝐚"),
    ("Ada", "𝒜𝒹𝒶"),
    ("Nina", "Νina"),
    ("ina", "INA"),
    ("hello", "һello"),
    ("cat", "ϲat"),
    ("jim", "ϳim"),
    ("ο", "о"),
    ("\u2126lga", "\u03a9lga"),
    ("ß", "β"),
]
DIFFERENT = [
    ("Alice", "Alicia"),
    ("Bob", "Rob"),
    ("Ada", "Eda"),
    ("Tom", "Tim"),
    ("اَمل", "علي"),
    ("Ольга", "Игорь"),
    ("🐝", "🐞"),
    ("", ""),
]


def test_there_are_more_than_forty_pairs() -> None:
    assert len(ALIKE) >= 40
    assert all(one != other for one, other in ALIKE)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike_share_a_look(one: str, other: str) -> None:
    assert looks_of(one) & looks_of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_differ_share_none(one: str, other: str) -> None:
    assert not looks_of(one) & looks_of(other)
