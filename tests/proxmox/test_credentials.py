"""Reading what people paste as a token."""

import pytest

from custom_components.proxmox_homelab.proxmox.credentials import (
    TokenFormatError,
    parse_token,
)

SECRET = "12345678-9abc-def0-1234-56789abcdef0"


@pytest.mark.parametrize(
    "text",
    [
        f"homeassistant@pve!homelab={SECRET}",
        f"  homeassistant@pve!homelab={SECRET}\n",
        f"'homeassistant@pve!homelab={SECRET}'",
        f"PVEAPIToken=homeassistant@pve!homelab={SECRET}",
        f"Authorization: PVEAPIToken=homeassistant@pve!homelab={SECRET}",
        f"homeassistant@pve!homelab = {SECRET}",
    ],
)
def test_reads_a_token(text: str) -> None:
    token = parse_token(text)
    assert token.token_id == "homeassistant@pve!homelab"
    assert token.username == "homeassistant@pve"
    assert token.secret == SECRET
    assert SECRET not in repr(token)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  ", "token_empty"),
        (SECRET, "token_without_name"),
        (f"homeassistant@pve={SECRET}", "token_without_name"),
        (f"homeassistant!homelab={SECRET}", "token_without_realm"),
        ("homeassistant@pve!homelab", "token_without_secret"),
        ("homeassistant@pve!homelab=", "token_without_secret"),
        ("homeassistant@pve!homelab=secret", "token_secret_malformed"),
        (f"home assistant@pve!x={SECRET}", "token_malformed"),
        (f"a@b@c!home lab={SECRET}", "token_malformed"),
    ],
)
def test_says_what_is_wrong_with_a_token(text: str, reason: str) -> None:
    with pytest.raises(TokenFormatError) as caught:
        parse_token(text)
    assert caught.value.fault == reason
    assert SECRET not in str(caught.value)
