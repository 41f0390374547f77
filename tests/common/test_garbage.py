from __future__ import annotations

import subprocess
import sys

import pytest

from common.garbage import YOUNG_OBJECTS

LOOP_CODE = """
import gc, {loop}
from unittest.mock import Mock
from {service} import __main__ as program
def run(main, *arguments, **options):
    getattr(main, "close", lambda: None)()
    print(gc.get_freeze_count(), len(gc.get_objects()), gc.get_threshold()[0])
{loop}.run = run
program.{function}(Mock(), Mock())
"""


@pytest.mark.parametrize(
    ("service", "function", "loop"), [("p2pd", "_run", "trio"), ("gateway", "_serve", "uvloop")]
)
def test_collections_of_a_service_do_not_walk_through_its_modules(
    service: str, function: str, loop: str
) -> None:
    code = LOOP_CODE.format(service=service, function=function, loop=loop)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    frozen, collected, young = map(int, done.stdout.split())
    assert frozen > 20_000
    assert collected < frozen / 10
    assert young >= YOUNG_OBJECTS
