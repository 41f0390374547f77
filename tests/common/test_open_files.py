from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from common.open_files import raise_open_file_limit


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """Give the limits of this process and put them back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_and_never_lowered(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    assert raise_open_file_limit(300) == 300
    assert raise_open_file_limit(200) == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300


def test_more_than_the_hard_limit_is_not_to_be_had(
    limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "setrlimit", refuse)
    soft = limits[0]
    assert raise_open_file_limit(soft + 1) == soft


def refuse(*_: object) -> None:
    raise ValueError("not allowed to raise maximum limit")
