"""Nodes: hardware, system and what is asked of them one by one."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Disk:
    """A disk of a node, with the keys and words of `disks/list`.

    `wearout` is the remaining life in percent, or ``N/A``.
    """

    devpath: str
    model: str
    serial: str
    size: int
    type: str = "ssd"
    health: str = "PASSED"
    wearout: int | str = "N/A"
    vendor: str = "ATA     "
    wwn: str = "unknown"
    used: str = "LVM"
    rpm: int = 0

    def row(self, *, with_smart: bool) -> dict[str, object]:
        """The row of the list; without SMART nothing is known of its health."""
        return {
            "devpath": self.devpath,
            "by_id_link": f"/dev/disk/by-id/{self.type}-{self.serial}",
            "gpt": 1,
            "health": self.health if with_smart else "UNKNOWN",
            "model": self.model,
            "osdid": -1,
            "osdid-list": None,
            "rpm": self.rpm,
            "serial": self.serial,
            "size": self.size,
            "type": self.type,
            "used": self.used,
            "vendor": self.vendor,
            "wearout": self.wearout if with_smart else "N/A",
            "wwn": self.wwn,
        }

    def smart(self, *, health_only: bool) -> dict[str, object]:
        """The answer of `disks/smart`."""
        found: dict[str, object] = {"health": self.health}
        if health_only:
            return found
        if self.type == "nvme":
            remaining = self.wearout if isinstance(self.wearout, int) else 100
            text = f"Percentage Used: {100 - remaining}%\nTemperature: 38 Celsius\n"
            return found | {"type": "text", "text": text, "wearout": self.wearout}
        attributes = [("5", "Reallocated_Sector_Ct", "0"), ("194", "Temperature", "31")]
        return found | {
            "type": "ata",
            "attributes": [
                {"id": number, "name": name, "raw": raw, "value": 100, "fail": "-"}
                for number, name, raw in attributes
            ],
        }


@dataclass(slots=True, kw_only=True)
class UsbDevice:
    """A device in `hardware/usb`; `usbpath` is None for a root hub."""

    busnum: int
    devnum: int
    vendid: str
    prodid: str
    usbpath: str | None = None
    product: str = ""
    manufacturer: str = ""
    speed: str = "12"
    klass: int = 0

    def row(self) -> dict[str, object]:
        """The row of the list; the server never tells the serial number."""
        row: dict[str, object] = {
            "busnum": self.busnum,
            "devnum": self.devnum,
            "class": self.klass,
            "level": 0 if self.usbpath is None else 1 + self.usbpath.count("."),
            "port": 0 if self.usbpath is None else int(self.usbpath[-1]),
            "speed": self.speed,
            "vendid": self.vendid,
            "prodid": self.prodid,
        }
        if self.usbpath is not None:
            row["usbpath"] = self.usbpath
        if self.product:
            row["product"] = self.product
        if self.manufacturer:
            row["manufacturer"] = self.manufacturer
        return row


@dataclass(slots=True, kw_only=True)
class Package:
    """A package that a node could update."""

    name: str
    version: str
    old_version: str
    title: str
    origin: str = "Proxmox"

    def row(self) -> dict[str, object]:
        """The row of `apt/update`."""
        return {
            "Arch": "amd64",
            "Description": f"{self.title}\n This package is simulated.",
            "OldVersion": self.old_version,
            "Origin": self.origin,
            "Package": self.name,
            "Priority": "optional",
            "Section": "admin",
            "Title": self.title,
            "Version": self.version,
        }


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """A member of the cluster.

    `address` is where the lab listens, `lan_address` the one that texts name.
    `powered` tells a switched-off node from one that is only cut off. Sizes are
    bytes, `started` is seconds since the epoch.
    """

    name: str
    id: int
    address: str
    lan_address: str
    memory: int
    started: float
    cpu_model: str = "Intel(R) Core(TM) i5-12500T"
    sockets: int = 1
    cores: int = 6
    threads: int = 12
    swap: int = 8 * 1024**3
    root_total: int = 94 * 1024**3
    root_used: int = 14 * 1024**3
    kernel: str = "6.17.2-1-pve"
    mac: str = ""
    cpu: float = 0.06
    system_memory: int = 3 * 1024**3
    io_wait: float = 0.004
    online: bool = True
    powered: bool = True
    offline_since: float | None = None
    wakeonlan: str | None = None
    description: str = ""
    maintenance: bool = False
    subscription: str = "notfound"
    disks: list[Disk] = field(default_factory=list)
    usb: list[UsbDevice] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    failed_services: set[str] = field(default_factory=set)
