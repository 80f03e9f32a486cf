"""The keys of items, which are also the identifiers of devices in an entry.

A key begins with the kind of its item: `guest/110`, `z2m/zigbee2mqtt`.
"""


def kind_of(key: str) -> str:
    """Return the kind of an item: cluster, node, guest, broker, z2m, ..."""
    return key.partition("/")[0]
