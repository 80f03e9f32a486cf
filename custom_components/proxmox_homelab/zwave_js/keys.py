"""The key of a server, which is also the identifier of its device."""


def server_key(home_id: int) -> str:
    """Return the key of the server of a network."""
    return f"zwave/{home_id}"


def unique_id(home_id: int) -> str:
    """Return the unique id of the entry of a network."""
    return f"zwave_js-{home_id}"
