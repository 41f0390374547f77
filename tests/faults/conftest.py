"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.driver.forked import Launcher


@pytest.fixture(scope="package")
def launcher() -> Iterator[Launcher]:
    """Give the process that nodes are forked off."""
    with Launcher() as launcher:
        yield launcher
