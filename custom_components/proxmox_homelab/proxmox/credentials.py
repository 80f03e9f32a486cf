"""How the client proves who it is. Secrets never show in a representation."""

from dataclasses import dataclass, field
import re

# USER@REALM!TOKENNAME=SECRET, the header value of the API and what `pveum` prints
# in two cells; the forms are those of pve-user-id, pve-realm and token names.
_USER = r"[^\s:/@!=]+@[A-Za-z][A-Za-z0-9.\-_]+"
_TOKEN_NAME = r"[A-Za-z][A-Za-z0-9.\-_]+"
_TOKEN_ID = re.compile(rf"(?P<user>{_USER})!(?P<name>{_TOKEN_NAME})")
_SECRET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEADER = re.compile(r"^(?:authorization:\s*)?(?:PVEAPIToken\s*=\s*)?", re.IGNORECASE)


class TokenFormatError(ValueError):
    """A text is not a complete token; `reason` names the translated sentence."""

    def __init__(self, reason: str) -> None:
        """Keep the reason; the text itself may hold a secret and is not kept."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCredentials:
    """An API token: `token_id` is user@realm!name."""

    token_id: str
    secret: str = field(repr=False)

    @property
    def username(self) -> str:
        """The owner of the token as user@realm."""
        return self.token_id.partition("!")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCredentials:
    """A user with a password; `totp` is a one-time code for the next login only."""

    username: str
    password: str = field(repr=False)
    totp: str | None = field(default=None, repr=False)


type Credentials = TokenCredentials | PasswordCredentials


def parse_token(text: str) -> TokenCredentials:
    """Return the token of a pasted `user@realm!id=secret`.

    The words that people copy along (`Authorization: PVEAPIToken=`, quotes, blanks)
    are tolerated. Raises `TokenFormatError` with one of the reasons `token_empty`,
    `token_without_name`, `token_without_realm`, `token_without_secret`,
    `token_secret_malformed`, `token_malformed`.
    """
    stripped = _HEADER.sub("", text.strip().strip("\"'")).strip()
    if not stripped:
        raise TokenFormatError("token_empty")
    token_id, equals, secret = stripped.partition("=")
    token_id, secret = token_id.strip(), secret.strip().strip("\"'")
    if "!" not in token_id:
        raise TokenFormatError("token_without_name")
    if "@" not in token_id.partition("!")[0]:
        raise TokenFormatError("token_without_realm")
    if not equals or not secret:
        raise TokenFormatError("token_without_secret")
    if not _TOKEN_ID.fullmatch(token_id):
        raise TokenFormatError("token_malformed")
    if not _SECRET.fullmatch(secret):
        raise TokenFormatError("token_secret_malformed")
    return TokenCredentials(token_id=token_id, secret=secret)
