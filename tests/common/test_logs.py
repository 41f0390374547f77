"""Log lines are alike in both services; as JSON there is nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.logs import wanted_format
from tests.driver import GatewayProcess, NodeProcess

ROOT = Path(__file__).parents[2]
LOUD = """
import logging, sys, threading, warnings
import structlog
from common.logs import configure_logs
configure_logs("info", sys.argv[1])
log = structlog.get_logger("test")
log.info("plain", number=1, text="two\\nlines", name="\\x1b[31m\\u202e", bytes=b"x")
log.debug("never shown")
logging.getLogger("a.library").warning("of a %s", "library")
logging.getLogger("a.library").info("never shown")
logging.warning("never shown")
warnings.warn("something old")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("caught")
    logging.getLogger("a.library").exception("caught too")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("nobody caught this")
"""


def run_loud(log_format: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOUD, log_format],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


def test_json_logs_hold_nothing_but_json() -> None:
    events = [json.loads(line) for line in run_loud("json")]
    assert [event["event"] for event in events] == [
        "plain",
        "library warned",
        "library warned",
        "caught",
        "library warned",
        "program failed",
        "program failed",
    ]
    assert {"level", "timestamp"} <= set.intersection(*(set(event) for event in events))
    assert events[0]["text"] == "two\nlines"
    assert "something old" in events[2]["detail"]
    assert all("Traceback" in event["exception"] for event in events[3:])
    assert "nobody caught this" in events[-1]["exception"]


def test_text_logs_are_one_line_an_event() -> None:
    lines = run_loud("text")
    assert "number=1" in lines[0]
    assert "two\\nlines" in lines[0]
    assert "\x1b" not in lines[0]
    assert "\u202e" not in lines[0]
    assert "detail='of a library'" in lines[1] or "detail=of a library" in lines[1]
    assert not any("never shown" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [
        ([], {}, "text"),
        ([], {"P2PD_LOG_FORMAT": " JSON"}, "json"),
        (["--log-format", "json"], {}, "json"),
        (["--log-format=json"], {}, "json"),
        (["--log-format", "text"], {"P2PD_LOG_FORMAT": "json"}, "text"),
        (["--log-format"], {}, "text"),
        (["--rooms", "json"], {"GATEWAY_LOG_FORMAT": "json"}, "text"),
    ],
)
def test_the_format_is_known_before_the_settings_are(
    arguments: list[str], environment: dict[str, str], wanted: str
) -> None:
    assert wanted_format("P2PD_", arguments, environment) == wanted


@pytest.mark.parametrize("service", ["node", "gateway"])
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_failed_start_is_one_line_in_the_format_of_the_logs(
    tmp_path: Path, service: str, log_format: str
) -> None:
    process = (
        NodeProcess("a", tmp_path, log_format=log_format, log_level="loud")
        if service == "node"
        else GatewayProcess("g", tmp_path, "127.0.0.1:1", log_format=log_format, log_level="loud")
    )
    assert process.run() == 2
    (line,) = process.log().splitlines()
    if log_format == "json":
        assert "'loud'" in json.loads(line)["reason"]
    else:
        assert line.startswith(f"{process.module}: ")


def test_both_services_log_json_alike_over_a_whole_life(
    start_node: object, start_gateway: object
) -> None:
    node = start_node("a", log_format="json", log_level="debug", nonsense="1")  # type: ignore[operator]
    gateway = start_gateway(node, log_format="json", log_level="debug", nonsense="1")  # type: ignore[operator]
    gateway.wait_node_reachable()
    gateway.stop()
    node.stop()
    for service, ready in ((node, "p2pd ready "), (gateway, "gateway ready ")):
        events = [json.loads(line) for line in service.log().splitlines()]
        assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
        assert any(event.get("variable", "").endswith("_NONSENSE") for event in events)
        assert service.output().startswith(ready)
        assert service.output().count("\n") == 1
