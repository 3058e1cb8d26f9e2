"""The packets that the end-to-end tests' chat client speaks."""

import pytest

from tests.e2e.chat_protocol import Kind, Packet, decode, encode


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (Packet(Kind.PONG), "3"),
        (Packet(Kind.CONNECT, {"token": "t"}), '40{"token":"t"}'),
        (Packet(Kind.EVENT, ["join", {"room": "a"}], 7), '427["join",{"room":"a"}]'),
        (Packet(Kind.ACK, [{"ok": True}], 12), '4312[{"ok":true}]'),
    ],
)
def test_a_packet_survives_the_way_there_and_back(packet: Packet, text: str) -> None:
    assert encode(packet) == text
    assert decode(text) == packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ('0{"sid":"s","pingInterval":5000}', Packet(Kind.OPEN, {"sid": "s", "pingInterval": 5000})),
        ("2", Packet(Kind.PING)),
        ("2probe", Packet(Kind.PING, "probe")),
        ('40{"sid":"s"}', Packet(Kind.CONNECT, {"sid": "s"})),
        ('44{"message":"no"}', Packet(Kind.CONNECT_ERROR, {"message": "no"})),
        ("41", Packet(Kind.DISCONNECT)),
        ('42["message",{"text":"1\\n2"}]', Packet(Kind.EVENT, ["message", {"text": "1\n2"}])),
        ('42["message",{"text":"ü"}]', Packet(Kind.EVENT, ["message", {"text": "ü"}])),
    ],
)
def test_what_a_server_sends_is_understood(text: str, packet: Packet) -> None:
    assert decode(text) == packet


@pytest.mark.parametrize("text", ["", "9", "4", '45-["binary"]', '42/admin,["event"]'])
def test_what_no_server_should_send_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"packet"):
        decode(text)
