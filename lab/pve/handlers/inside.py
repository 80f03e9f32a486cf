"""What VMs say from inside, by their guest agent."""

from lab.pve.api import ApiRequest, Router, failed
from lab.pve.guests import Guest, GuestState
from lab.pve.handlers.guests import find

router = Router()
_AGENT = "/nodes/{node}/qemu/{vmid}/agent"


def _agent_of(request: ApiRequest) -> Guest:
    guest = find(request)
    if not guest.alive:
        raise failed(f"VM {guest.vmid} is not running")
    if not guest.agent_enabled:
        raise failed("No QEMU guest agent configured")
    if not guest.inside.agent_running or guest.state is not GuestState.RUNNING:
        raise failed("QEMU guest agent is not running")
    return guest


def _address(text: str) -> dict[str, object]:
    return {
        "ip-address": text,
        "ip-address-type": "ipv6" if ":" in text else "ipv4",
        "prefix": 64 if ":" in text else 24,
    }


@router.handle("GET", _AGENT + "/network-get-interfaces")
async def interfaces(request: ApiRequest) -> object:
    """The interfaces as the agent sees them, with loopback."""
    guest = _agent_of(request)
    mac = next(iter(guest.macs), "00:00:00:00:00:00").lower()
    return {
        "result": [
            {
                "name": "lo",
                "hardware-address": "00:00:00:00:00:00",
                "ip-addresses": [_address("127.0.0.1"), _address("::1")],
            },
            {
                "name": "eth0",
                "hardware-address": mac,
                "ip-addresses": [_address(text) for text in guest.inside.addresses],
            },
        ]
    }


@router.handle("GET", _AGENT + "/get-fsinfo")
async def filesystems(request: ApiRequest) -> object:
    """The mounted file systems."""
    mounted = _agent_of(request).inside.filesystems
    return {
        "result": [
            {
                "name": f"disk{number}",
                "mountpoint": mount,
                "type": kind,
                "used-bytes": used,
                "total-bytes": total,
                "disk": [],
            }
            for number, (mount, kind, used, total) in enumerate(mounted)
        ]
    }


@router.handle("GET", _AGENT + "/get-osinfo")
async def system(request: ApiRequest) -> object:
    """The operating system."""
    inside = _agent_of(request).inside
    return {"result": {"id": inside.system, "pretty-name": inside.pretty_name}}


@router.handle("GET", _AGENT + "/get-host-name")
async def host_name(request: ApiRequest) -> object:
    """The host name."""
    return {"result": {"host-name": _agent_of(request).name}}


@router.handle("POST", _AGENT + "/ping")
async def ping(request: ApiRequest) -> object:
    """Nothing, if the agent is there."""
    _agent_of(request)
    return {"result": {}}
