"""The certificate authority of the simulated cluster and a certificate for each node.

Names, extensions and validity follow what ``pvecm updatecerts`` makes.
"""

from collections.abc import Mapping
import datetime as dt
import ipaddress
from pathlib import Path
import ssl
import tempfile
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.certificates import Pair, issue, load, make_authority, make_name

_CA_LIFE = dt.timedelta(days=3650)
_NODE_LIFE = dt.timedelta(days=730)
_DOMAIN = "lab.test"


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 in the form that Proxmox VE shows: upper case, with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _make_ca() -> Pair:
    name = make_name(
        (NameOID.COMMON_NAME, "Proxmox Virtual Environment"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, str(uuid.uuid4())),
        (NameOID.ORGANIZATION_NAME, "PVE Cluster Manager CA"),
    )
    return make_authority(name, _CA_LIFE)


def _make_node(ca: Pair, name: str, address: str) -> Pair:
    subject = make_name(
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "PVE Cluster Node"),
        (NameOID.ORGANIZATION_NAME, "Proxmox Virtual Environment"),
        (NameOID.COMMON_NAME, f"{name}.{_DOMAIN}"),
    )
    return issue(
        ca,
        subject,
        _NODE_LIFE,
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName(_alternative_names(name, address)),
    )


def _alternative_names(name: str, address: str) -> list[x509.GeneralName]:
    addresses = dict.fromkeys(["127.0.0.1", "::1", address])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(text)) for text in addresses
    ]
    return [
        *names,
        *(x509.DNSName(text) for text in ("localhost", name, f"{name}.{_DOMAIN}")),
    ]


class ClusterTls:
    """The authority of one cluster and the certificate of each of its nodes.

    With a `directory` the keys are kept in it and used again at the next start. Making
    and loading reads and writes files: do it in a thread when a loop is running.
    """

    def __init__(
        self, nodes: Mapping[str, str], *, directory: Path | None = None
    ) -> None:
        self._scratch = (
            tempfile.TemporaryDirectory(prefix="lab-tls-")
            if directory is None
            else None
        )
        self._directory = (
            Path(self._scratch.name) if self._scratch else directory or Path()
        )
        self._directory.mkdir(parents=True, exist_ok=True)
        self._addresses = dict(nodes)
        kept = load(self._directory, "pve-root-ca")
        self._ca = kept or _make_ca()
        self._ca.save(self._directory, "pve-root-ca")
        self._nodes: dict[str, Pair] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        for name in nodes:
            self._install(
                name,
                (load(self._directory, name) if kept else None) or self._issue(name),
            )

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority."""
        return self._ca.certificate_pem

    @property
    def ca_certificate(self) -> x509.Certificate:
        """The certificate of the authority, parsed."""
        return self._ca.certificate

    @property
    def ca_fingerprint(self) -> str:
        """The SHA-256 of the authority's certificate."""
        return fingerprint(self._ca.certificate)

    def certificate(self, node: str) -> x509.Certificate:
        """The certificate that a node presents now."""
        return self._nodes[node].certificate

    def certificate_pem(self, node: str) -> str:
        """The same as text."""
        return self._nodes[node].certificate_pem

    def fingerprint(self, node: str) -> str:
        """The SHA-256 of the certificate that a node presents now."""
        return fingerprint(self._nodes[node].certificate)

    def context(self, node: str) -> ssl.SSLContext:
        """What a node's port uses; the next connection sees a renewed certificate."""
        return self._contexts[node]

    def renew(self, node: str) -> str:
        """Give a node a new certificate of this authority; returns its fingerprint."""
        self._install(node, self._issue(node))
        return self.fingerprint(node)

    def replace_ca(self) -> None:
        """Make a new authority and all certificates anew, as an installation does."""
        self._ca = _make_ca()
        self._ca.save(self._directory, "pve-root-ca")
        for node in self._nodes:
            self.renew(node)

    def close(self) -> None:
        """Remove keys that were not meant to stay."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _issue(self, node: str) -> Pair:
        return _make_node(self._ca, node, self._addresses[node])

    def _install(self, node: str, pair: Pair) -> None:
        pair.save(self._directory, node)
        self._nodes[node] = pair
        if node not in self._contexts:
            self._contexts[node] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = self._directory / f"{node}.pem", self._directory / f"{node}.key"
        self._contexts[node].load_cert_chain(*chain)
