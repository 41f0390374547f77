from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from p2pd.config import SETTINGS, Settings, settings_from_arguments


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert [setting.name for setting in SETTINGS] == fields


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    environment = {"P2PD_ROOMS": "one, two", "P2PD_MDNS": "off"}
    settings, check_only = settings_from_arguments(["--rooms", "three"], environment)
    assert settings.rooms == ("three",)
    assert settings.mdns is False
    assert settings.grpc_listen == "127.0.0.1:50051"
    assert not check_only


def test_none_means_no_bootstrap_and_no_metrics() -> None:
    environment = {"P2PD_BOOTSTRAP": "none", "P2PD_METRICS_LISTEN": "none"}
    settings, _ = settings_from_arguments([], environment)
    assert settings.bootstrap == ()
    assert settings.metrics_listen is None


def test_the_default_bootstrap_is_the_public_network() -> None:
    settings, _ = settings_from_arguments([], {})
    assert len(settings.bootstrap) == 5
    assert settings.data_dir == Path(settings.data_dir).absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grpc_listen", "nowhere"),
        ("grpc_listen", "localhost:99999"),
        ("grpc_listen", "unix:"),
        ("listen", ""),
        ("listen", "127.0.0.1:4001"),
        ("announce", "/ip4/300.1.1.1/tcp/1"),
        ("bootstrap", "/ip4/127.0.0.1/tcp/4001"),
        ("bootstrap", "/p2p/12D3KooWLDWgeSFudzWyuVM3u2nqrtpuAJfw8rGn491eyCt8d2Pr"),
        ("rooms", "a\tb"),
        ("data_dir", ""),
        ("mdns", "perhaps"),
        ("max_message_bytes", "0"),
        ("max_message_bytes", "60001"),
        ("max_message_bytes", "many"),
        ("publish_rate", "-1"),
        ("metrics_listen", "9464"),
        ("log_level", "loud"),
        ("grpc_tls_cert", "only-this.pem"),
        ("grpc_tls_client_ca", "only-this.pem"),
    ],
)
def test_a_bad_value_is_one_line_and_exit_code_2(
    name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        settings_from_arguments([], {f"P2PD_{name.upper()}": value})
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert name.upper() in printed or name.replace("_", "-") in printed


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        settings_from_arguments(["--help"], {})
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert [setting.flag for setting in SETTINGS if setting.flag not in printed] == []
