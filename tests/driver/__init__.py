"""Starts real nodes and gateways as processes, for tests and benchmarks.

    waiting.py    wait until something is so, and say what was seen if it is not
    reaper.py     kills what a test run started, should the run itself die
    process.py    one process: ready line, logs, stop, kill, restart
    node.py       ``python -m p2pd`` and its gRPC channel
    forked.py     nodes that are started often, forked off a ``launcher``
    gateway.py    ``python -m gateway`` and its URLs
    listener.py   keeps what one Events stream brings
    lan.py        machines of their own on one network, each a namespace
    http_call.py  one HTTP call from inside a network namespace
    fixtures.py   the pytest fixtures built of these

A node or gateway started here listens on free loopback ports only, keeps its
data in a directory of its own and finds nobody by itself.
"""

from __future__ import annotations

from tests.driver.gateway import GatewayProcess
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.process import ProcessError, Service
from tests.driver.waiting import WaitTimeoutError, wait_until, wait_until_async

__all__ = [
    "EventListener",
    "GatewayProcess",
    "NodeProcess",
    "ProcessError",
    "Service",
    "WaitTimeoutError",
    "wait_until",
    "wait_until_async",
]
