"""One API for the tests that change nothing of note, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.p2pd.api.running import RunningApi, running_api, stub_of


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture
def channel(api: RunningApi) -> Iterator[grpc.Channel]:
    with api.channel() as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    return stub_of(channel)
