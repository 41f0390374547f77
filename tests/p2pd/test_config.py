from __future__ import annotations

import pytest

from common.errors import SettingsError
from p2pd.config import Settings, command_from


def read(*arguments: str, **environment: str) -> Settings:
    return command_from(arguments, environment).settings


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    settings = read("--rooms", "three", P2PD_ROOMS="one, two", P2PD_MDNS="off")
    assert settings.rooms == ("three",)
    assert settings.mdns is False
    assert settings.grpc_listen == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("a,b", ("a", "b")),
        (" a , b ", ("a", "b")),
        ("a,\u3000b\u2003,c", ("a", "b", "c")),
        ("tea room , b", ("tea room", "b")),
        (",a,, ,b,", ("a", "b")),
        ("b,a, b", ("b", "a")),
    ],
)
def test_space_around_a_comma_is_no_part_of_a_room(text: str, rooms: tuple[str, ...]) -> None:
    assert read(P2PD_ROOMS=text).rooms == read("--rooms", text).rooms == rooms


def test_space_around_a_comma_is_no_part_of_an_address() -> None:
    one, two = "/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2/ws"
    settings = read(P2PD_LISTEN=f" {one} , {two} ", P2PD_ANNOUNCE=f"{two},\u00a0{one}")
    assert settings.listen == (one, two)
    assert settings.announce == (two, one)


def test_none_means_no_bootstrap_and_no_metrics() -> None:
    settings = read(P2PD_BOOTSTRAP="none", P2PD_METRICS_LISTEN="none")
    assert settings.bootstrap == ()
    assert settings.metrics_listen is None


def test_the_default_bootstrap_is_the_public_network() -> None:
    settings = read()
    assert len(settings.bootstrap) == 5
    assert settings.data_dir is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", ","),
        ("bootstrap", "/p2p/12D3KooWLDWgeSFudzWyuVM3u2nqrtpuAJfw8rGn491eyCt8d2Pr"),
        ("rooms", "a\tb"),
        ("rooms", "x" * 257),
        ("max_message_bytes", "0"),
        ("max_message_bytes", "60001"),
        ("log_level", "loud"),
        ("store", "tape"),
        ("grpc_tls_cert", "only-this.pem"),
        ("grpc_tls_client_ca", "only-this.pem"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{f"P2PD_{name.upper()}": value})
    said = str(caught.value)
    assert name.upper() in said or name.replace("_", "-") in said
