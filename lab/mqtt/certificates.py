"""The authority of a broker's TLS port, its certificate, and one for a client."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.certificates import Pair, issue, load, make_authority, make_name

_LIFE = dt.timedelta(days=3650)


class BrokerTls:
    """PEM files in a folder, which are used again when they are there already."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = make_name((NameOID.COMMON_NAME, "Homelab MQTT CA"))
        kept = load(folder, "ca")
        self._authority = kept or make_authority(name, _LIFE)
        self.folder = folder
        if kept is None:
            self._authority.save(folder, "ca")
            self._server().save(folder, "server")
            self._client().save(folder, "client")

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority."""
        return self._authority.certificate_pem

    @property
    def ca_file(self) -> Path:
        """The same as a file."""
        return self.folder / "ca.pem"

    @property
    def client_files(self) -> tuple[Path, Path]:
        """Certificate and key of a client that the broker trusts."""
        return self.folder / "client.pem", self.folder / "client.key"

    @property
    def server_files(self) -> tuple[Path, Path]:
        """Certificate and key of the broker."""
        return self.folder / "server.pem", self.folder / "server.key"

    def _server(self) -> Pair:
        names: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.DNSName("localhost"),
        ]
        return issue(
            self._authority,
            make_name((NameOID.COMMON_NAME, "mqtt.lab.test")),
            _LIFE,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName(names),
        )

    def _client(self) -> Pair:
        return issue(
            self._authority,
            make_name((NameOID.COMMON_NAME, "client.lab.test")),
            _LIFE,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        )
