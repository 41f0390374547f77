"""Both services read their settings alike: the same spellings, one line for a bad value."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import gateway.config
import p2pd.config
from common.errors import SettingsError
from common.settings import Command, UnknownVariable

ROOT = Path(__file__).parents[2]
NODE = p2pd.config
GATEWAY = gateway.config
SWITCHES = [
    (NODE, "mdns"),
    (NODE, "grpc_allow_open"),
    (GATEWAY, "node_tls"),
    (GATEWAY, "allow_open"),
]
ALL = [(module, setting) for module in (NODE, GATEWAY) for setting in module.SETTINGS]
IDS = [setting.variable for _, setting in ALL]
NUMBERS = [
    (module, setting)
    for module, setting in ALL
    if setting.metavar in {"BYTES", "PER_SECOND", "MESSAGES", "DAYS", "SECONDS", "NUMBER", "CALLS"}
]
FREE_TEXT = {"ROOMS", "DATA_DIR", "ALLOWED_HOSTS"}


def read(module: Any, *arguments: str, **environment: str) -> Any:
    command: Command[Any] = module.command_from(arguments, environment)
    return command.settings


def problem(module: Any, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        module.command_from(arguments, environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def variable(module: Any, name: str) -> str:
    return f"{module.Settings.program.upper()}_{name.upper()}"


@pytest.mark.parametrize("word", ["on", "true", "yes", "1", "ON", "True", "yEs", " on "])
@pytest.mark.parametrize(("module", "name"), SWITCHES)
def test_a_switch_is_on_in_every_spelling(module: Any, name: str, word: str) -> None:
    assert getattr(read(module, **{variable(module, name): word}), name) is True
    assert getattr(read(module, f"--{name.replace('_', '-')}", word), name) is True


@pytest.mark.parametrize("word", ["off", "false", "no", "0", "OFF", "False", "nO", " off\t"])
@pytest.mark.parametrize(("module", "name"), SWITCHES)
def test_a_switch_is_off_in_every_spelling(module: Any, name: str, word: str) -> None:
    assert getattr(read(module, **{variable(module, name): word}), name) is False
    assert getattr(read(module, f"--{name.replace('_', '-')}={word}"), name) is False


@pytest.mark.parametrize(("module", "name"), SWITCHES)
@pytest.mark.parametrize("word", ["perhaps", "2", "onn", "tru", "on,off", "none", "-1", "\u0661"])
def test_any_other_word_is_quoted(module: Any, name: str, word: str) -> None:
    said = problem(module, [], {variable(module, name): word})
    assert said == f"{variable(module, name)}: {word!r} is neither on nor off"


@pytest.mark.parametrize(("module", "setting"), ALL, ids=IDS)
@pytest.mark.parametrize("text", ["", " ", "\t "])
def test_an_empty_value_is_the_default(module: Any, setting: Any, text: str) -> None:
    default = read(module)
    assert read(module, **{setting.variable: text}) == default
    assert read(module, setting.flag, text) == default
    assert read(module, f"{setting.flag}={text}") == default


@pytest.mark.parametrize(("module", "setting"), ALL, ids=IDS)
@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\x1bb", "a\udcffb", "\udcff"])
def test_no_control_characters_and_nothing_but_utf_8(module: Any, setting: Any, text: str) -> None:
    said = problem(module, [], {setting.variable: text})
    assert said.startswith(f"{setting.variable}: ")
    assert repr(text) in said


@pytest.mark.parametrize(("module", "setting"), NUMBERS, ids=[s.variable for _, s in NUMBERS])
@pytest.mark.parametrize(
    "text",
    ["-1", "nan", "inf", "1e400", "-0.5", "9" * 5000, "1_000", "+5", "0x10", "\u0663", "many"],
)
def test_no_number_out_of_range(module: Any, setting: Any, text: str) -> None:
    said = problem(module, [setting.flag, text], {})
    assert said.startswith(f"{setting.flag}: ")
    assert text[:80] in said
    assert len(said) < 200


@pytest.mark.parametrize(
    ("module", "setting"),
    [one for one in ALL if one[1].metavar == "PATH"],
    ids=[setting.variable for _, setting in ALL if setting.metavar == "PATH"],
)
@pytest.mark.parametrize("text", ["~nosuchuser/x", "~nosuchuser", "x" * 256, "/x" * 2500])
def test_no_path_that_cannot_be_one(module: Any, setting: Any, text: str) -> None:
    assert problem(module, [], {setting.variable: text}).startswith(f"{setting.variable}: ")


ADDRESSES = [
    (NODE, "grpc_listen"),
    (NODE, "metrics_listen"),
    (GATEWAY, "listen"),
    (GATEWAY, "node"),
]


@pytest.mark.parametrize(("module", "name"), ADDRESSES)
@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "8080",
        ":8080",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:99999999",
        "127.0.0.1:-1",
        "127.0.0.1:http",
        "::1:8080",
        "[::1]",
        "[::1",
        "[:::1]:80",
        "[1:2]:80",
        "[127.0.0.1]:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80/",
        "127.0.0.1 :80",
        "a@b:80",
        "a..b:80",
        ".a:80",
        "x" * 64 + ":80",
        "unix:",
        "unix:" + "x" * 108,
    ],
)
def test_no_address_that_cannot_be_one(module: Any, name: str, text: str) -> None:
    said = problem(module, [], {variable(module, name): text})
    assert said.startswith(f"{variable(module, name)}: {text[:80]!r}"[:-1])


@pytest.mark.parametrize(("module", "name"), [(NODE, "metrics_listen"), (GATEWAY, "listen")])
def test_http_is_not_served_at_a_socket_path(module: Any, name: str) -> None:
    assert "'unix:/tmp/x' is not an address" in problem(
        module, [], {variable(module, name): "unix:/tmp/x"}
    )


def test_ipv6_in_brackets_and_socket_paths_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    assert read(NODE, P2PD_GRPC_LISTEN="[::1]:0").grpc_listen == "[::1]:0"
    assert read(NODE, P2PD_GRPC_LISTEN="unix:/run/x.sock").grpc_listen == "unix:/run/x.sock"
    assert read(GATEWAY, GATEWAY_NODE="unix:~/x.sock").node == "unix:/home/x/x.sock"
    assert str(read(GATEWAY, GATEWAY_LISTEN="[::1]:8080").listen) == "[::1]:8080"
    assert str(read(NODE, P2PD_DATA_DIR="~/data").data_dir) == "/home/x/data"


@pytest.mark.parametrize("name", ["listen", "announce", "bootstrap"])
@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:4001", "/ip4/300.1.1.1/tcp/1", "/ip4/1.2.3.4/tcp/99999", "/ip4/1.2.3.4/nosuch"],
)
def test_a_bad_multiaddr_is_quoted(name: str, text: str) -> None:
    said = problem(NODE, [], {variable(NODE, name): f"/ip4/1.2.3.4/tcp/1/p2p/{PEER},{text}"})
    assert said.startswith(f"{variable(NODE, name)}: {text!r}")


PEER = "12D3KooWLDWgeSFudzWyuVM3u2nqrtpuAJfw8rGn491eyCt8d2Pr"


def test_a_bootstrap_address_without_a_peer_is_quoted() -> None:
    said = problem(NODE, ["--bootstrap", "/ip4/127.0.0.1/tcp/4001"], {})
    assert said.startswith("--bootstrap: '/ip4/127.0.0.1/tcp/4001' ")


@pytest.mark.parametrize("module", [NODE, GATEWAY])
def test_a_flag_wins_over_its_variable(module: Any) -> None:
    name = variable(module, "log_level")
    assert read(module, "--log-level", "debug", **{name: "error"}).log_level == "debug"
    assert read(module, "--log-level", "", **{name: "error"}).log_level == "info"
    assert read(module, "--log-level", "debug", **{name: "rubbish"}).log_level == "debug"


@pytest.mark.parametrize("module", [NODE, GATEWAY])
def test_a_flag_given_twice_is_refused(module: Any) -> None:
    assert problem(module, ["--log-level", "info", "--log-level=info"], {}) == (
        "--log-level is given twice"
    )


@pytest.mark.parametrize("module", [NODE, GATEWAY])
@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--log-levle", "unknown flag '--log-levle'; did you mean --log-level?"),
        ("--log_level=info", "unknown flag '--log_level'; did you mean --log-level?"),
        ("--zzz", "unknown flag '--zzz'"),
        ("--log-l", "unknown flag '--log-l'; did you mean --log-level?"),
        ("surprise", "'surprise' is not expected: a value follows its flag"),
        ("--log-level", "--log-level: expected one argument"),
    ],
)
def test_an_unknown_flag_is_named_with_what_was_meant(
    module: Any, argument: str, said: str
) -> None:
    assert problem(module, [argument], {}) == said


@pytest.mark.parametrize(
    ("module", "name", "nearest"),
    [
        (NODE, "P2PD_MNDS", "P2PD_MDNS"),
        (NODE, "P2PD_ROOM", "P2PD_ROOMS"),
        (NODE, "p2pd_rooms", "P2PD_ROOMS"),
        (NODE, "P2PD_DATADIR", "P2PD_DATA_DIR"),
        (NODE, "P2PD_ZZZ", None),
        (GATEWAY, "GATEWAY_TOKENFILE", "GATEWAY_TOKEN_FILE"),
        (GATEWAY, "GATEWAY_NODE_TSL", "GATEWAY_NODE_TLS"),
        (GATEWAY, "GATEWAY_PORT", None),
    ],
)
def test_an_unknown_variable_is_named_with_what_was_meant(
    module: Any, name: str, nearest: str | None
) -> None:
    command = module.command_from([], {name: "1", "UNRELATED": "1"})
    assert command.unknown == (UnknownVariable(name, nearest),)


def test_variables_of_container_engines_are_no_settings() -> None:
    linked = {
        "GATEWAY_PORT": "tcp://10.0.0.1:8080",
        "GATEWAY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT": "8080",
        "GATEWAY_SERVICE_PORT_HTTP": "8080",
    }
    assert GATEWAY.command_from([], linked).unknown == ()


@pytest.mark.parametrize("module", [NODE, GATEWAY])
def test_help_lists_every_setting_with_its_default(
    module: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        module.command_from(["--help"], {})
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for setting in module.SETTINGS:
        assert f" {setting.flag} {setting.metavar} " in shown
        assert f"(default: {setting.default or 'none'})".replace(" ", "") in shown.replace(" ", "")


STRANGER = 54_321
AS_STRANGER = f"""
import os, runpy, sys
os.setresuid({STRANGER}, 0, 0)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_without_home(module: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command as a user without HOME and without an entry in passwd."""
    with pytest.raises(KeyError):
        pwd.getpwuid(STRANGER)
    done = subprocess.run(
        [sys.executable, "-c", AS_STRANGER, module, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@needs_root
@pytest.mark.parametrize("module", ["p2pd", "gateway"])
@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_what_needs_no_home_works_without_one(module: str, argument: str) -> None:
    code, output, errors = run_without_home(module, argument)
    assert (code, errors) == (0, "")
    assert module in output


@needs_root
def test_a_check_needs_no_home() -> None:
    code, _, errors = run_without_home("p2pd", "--check", "--grpc-listen", "127.0.0.1:1")
    assert code == 1
    assert errors.startswith("p2pd: no answer from 127.0.0.1:1")


@needs_root
def test_a_node_without_a_home_names_the_setting_that_is_missing() -> None:
    code, output, errors = run_without_home("p2pd")
    assert (code, output) == (2, "")
    assert errors == "p2pd: P2PD_DATA_DIR: there is no home directory; name a data directory\n"


@needs_root
def test_a_path_in_a_home_that_is_not_there_is_named() -> None:
    code, _, errors = run_without_home("p2pd", P2PD_DATA_DIR="~/data")
    assert code == 2
    assert errors.startswith("p2pd: P2PD_DATA_DIR: '~/data' ")
    assert errors.count("\n") == 1


@needs_root
def test_a_node_with_a_data_directory_needs_no_home(tmp_path: Path) -> None:
    code, _, errors = run_without_home(
        "p2pd",
        P2PD_DATA_DIR=str(tmp_path / "data"),
        P2PD_BOOTSTRAP="none",
        P2PD_MDNS="off",
        P2PD_LISTEN="/ip4/127.0.0.1/tcp/0",
        P2PD_METRICS_LISTEN="none",
        P2PD_GRPC_LISTEN="192.0.2.1:1",
        P2PD_GRPC_ALLOW_OPEN="on",
    )
    # It comes as far as the address that is not this machine's.
    assert code == 1
    assert errors.splitlines()[-1].startswith("p2pd: cannot listen on 192.0.2.1:1")
    assert (tmp_path / "data" / "identity.key").exists()
