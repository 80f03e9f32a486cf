"""The certificates of an encrypted connection to a broker. It blocks."""

from contextlib import ExitStack
from pathlib import Path
import ssl
from tempfile import TemporaryDirectory


class PemError(ValueError):
    """A text is not the certificate or key that it should be; `part` says which."""

    def __init__(self, part: str) -> None:
        """Keep what it is that cannot be read: `ca`, or `client` for both of a pair."""
        super().__init__(f"the {part} certificate cannot be read")
        self.part = part


def build_context(
    *,
    ca_pem: str | None = None,
    client_pem: str | None = None,
    client_key_pem: str | None = None,
    verify_hostname: bool = True,
) -> ssl.SSLContext:
    """Return the context: trusted is what the system trusts, or the given CA alone.

    Raises `PemError` for a text that is no certificate, or a key of another one.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem or None)
    except ssl.SSLError, ValueError:
        raise PemError("ca") from None
    context.check_hostname = verify_hostname
    if client_pem or client_key_pem:
        _load_client(context, client_pem or "", client_key_pem or "")
    return context


def _load_client(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # OpenSSL reads them from files only.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        files = (folder / "certificate.pem", folder / "key.pem")
        for file, content in zip(files, (certificate, key), strict=True):
            file.touch(mode=0o600)
            file.write_text(content, encoding="utf-8")
        try:
            context.load_cert_chain(*files, password=_no_password)
        except ssl.SSLError, ValueError:
            raise PemError("client") from None


def _no_password() -> str:
    """Refuse a key with a password: nobody is there to type it at the next start."""
    raise ValueError("the key has a password")
