from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SettingsError
from gateway.config import SETTINGS, Settings, command_from
from gateway.values import Address

EXAMPLES = {
    "listen": ("127.0.0.1:9", Address("127.0.0.1", 9)),
    "node": ("unix:/run/node.sock", "unix:/run/node.sock"),
    "node-token-file": ("/t", Path("/t")),
    "node-tls": ("on", True),
    "node-ca-file": ("/ca", Path("/ca")),
    "node-cert-file": ("/c", Path("/c")),
    "node-key-file": ("/k", Path("/k")),
    "allowed-origins": (
        "https://Chat.example, http://a:1",
        ("https://chat.example", "http://a:1"),
    ),
    "allowed-hosts": ("chat.example", ("chat.example",)),
    "token-file": ("/t", Path("/t")),
    "allow-open": ("on", True),
    "max-clients": ("7", 7),
    "max-frame-bytes": ("1000", 1000),
    "message-rate": ("1", 1),
    "message-burst": ("2", 2),
    "client-in-flight": ("3", 3),
    "in-flight": ("4", 4),
    "channel-bytes": ("70000", 70_000),
    "write-buffer-bytes": ("5000", 5000),
    "stall-timeout-s": ("1.5", 1.5),
    "log-level": ("debug", "debug"),
    "log-format": ("json", "json"),
}
TOGETHER = {"node-cert-file": {"node-key-file": "/k"}, "node-key-file": {"node-cert-file": "/c"}}


def settings_from(*arguments: str, **environment: str) -> Settings:
    return command_from(arguments, environment).settings


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_a_flag_and_a_variable(setting: object) -> None:
    name = setting.flag.removeprefix("--")  # type: ignore[attr-defined]
    text, value = EXAMPLES[name]
    others = TOGETHER.get(name, {})
    flags = [part for key, one in {**others, name: text}.items() for part in (f"--{key}", one)]
    variables = {
        f"GATEWAY_{key.upper().replace('-', '_')}": one
        for key, one in {**others, name: text}.items()
    }
    field = name.replace("-", "_")
    assert getattr(settings_from(*flags), field) == value
    assert getattr(settings_from(**variables), field) == value


def test_the_contracts_defaults() -> None:
    settings = settings_from()
    assert settings.listen == Address("127.0.0.1", 8080)
    assert settings.node == "127.0.0.1:50051"
    assert settings.node_token_file is None
    assert settings.allowed_origins == ()
    assert (settings.max_frame_bytes, settings.message_rate) == (65_536, 20)
    assert settings.message_burst == 100


def test_a_flag_wins_over_its_variable() -> None:
    assert settings_from("--node", "a:1", GATEWAY_NODE="b:2").node == "a:1"


def test_an_empty_variable_is_none_at_all() -> None:
    assert settings_from(GATEWAY_NODE="", GATEWAY_TOKEN_FILE="").node == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--listen", "8080"], "--listen"),
        (["--listen", "127.0.0.1:70000"], "--listen"),
        (["--listen", "::1:8080"], "--listen"),
        (["--listen", ":8080"], "--listen"),
        (["--node", "127.0.0.1"], "--node"),
        (["--node", "127.0.0.1:0"], "--node"),
        (["--node", "unix:"], "--node"),
        (["--node-tls", "perhaps"], "--node-tls"),
        (["--allowed-origins", "*"], "--allowed-origins"),
        (["--allowed-origins", "null"], "--allowed-origins"),
        (["--allowed-origins", "https://a.example/path"], "--allowed-origins"),
        (["--max-clients", "0"], "--max-clients"),
        (["--max-frame-bytes", "-1"], "--max-frame-bytes"),
        (["--stall-timeout-s", "nan"], "--stall-timeout-s"),
        (["--stall-timeout-s", "soon"], "--stall-timeout-s"),
        (["--log-level", "loud"], "--log-level"),
        (["--node-cert-file", "/c"], "--node-key-file"),
        (["--listen", "0.0.0.0:8080"], "--token-file"),
        (["--listen", "[::]:8080"], "--token-file"),
        (["--listen", "192.0.2.1:8080"], "--token-file"),
        (["--colour", "red"], "--colour"),
        (["--lis", "127.0.0.1:1"], "--lis"),
        (["surprise"], "surprise"),
    ],
)
def test_a_bad_value_is_named_in_one_line(arguments: list[str], named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from(*arguments)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_variable_is_named_as_it_was_given() -> None:
    with pytest.raises(SettingsError, match="GATEWAY_MAX_CLIENTS: 'many'"):
        settings_from(GATEWAY_MAX_CLIENTS="many")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.1.2.3:1", "[::1]:8080", "localhost:8080"])
def test_loopback_needs_no_token(listen: str) -> None:
    assert settings_from("--listen", listen).listen.is_loopback


@pytest.mark.parametrize("more", [["--token-file", "/t"], ["--allow-open", "on"]])
def test_beyond_loopback_needs_a_token_or_a_word(more: list[str]) -> None:
    settings = settings_from("--listen", "0.0.0.0:8080", *more)
    assert settings.listen.is_wildcard
