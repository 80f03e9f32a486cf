"""The manifest, and the files that repeat what it says."""

import struct
import tomllib

from awesomeversion import AwesomeVersion
import pytest

from .tree import INTEGRATION, ROOT, load_json

MANIFEST = load_json("manifest.json")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HACS = load_json("..", "..", "hacs.json")


def in_order(keys: list[str]) -> bool:
    """Say whether the keys stand as hassfest wants them."""
    return keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]


def pinned(group: str, package: str) -> str:
    """Return the version that a dependency group pins a package to."""
    for requirement in PROJECT["dependency-groups"][group]:
        if isinstance(requirement, str) and requirement.startswith(f"{package}=="):
            return requirement.split("==")[1]
    raise AssertionError(f"{group} does not pin {package}")


def test_the_keys_are_in_order() -> None:
    assert in_order(list(MANIFEST))


def test_disorder_is_found() -> None:
    assert not in_order(["domain", "name", "version", "codeowners"])
    assert not in_order(["name", "domain"])


def test_it_says_what_the_marketplace_wants() -> None:
    assert {"codeowners", "documentation", "issue_tracker", "version"} <= set(MANIFEST)
    assert MANIFEST["domain"] == INTEGRATION.name
    assert AwesomeVersion(MANIFEST["version"]).valid
    assert all("==" in requirement for requirement in MANIFEST["requirements"])
    assert set(HACS) <= {
        "filename",
        "hide_default_branch",
        "homeassistant",
        "name",
        "zip_release",
    }
    assert HACS["filename"] == f"{MANIFEST['domain']}.zip"
    assert HACS["name"] == MANIFEST["name"]


def test_the_project_agrees_with_the_manifest() -> None:
    assert PROJECT["project"]["version"] == MANIFEST["version"]
    assert PROJECT["project"]["dependencies"] == MANIFEST["requirements"]


def test_the_oldest_supported_version_is_the_one_that_is_tested() -> None:
    tested = AwesomeVersion(pinned("ha-current", "homeassistant"))
    promised = AwesomeVersion(HACS["homeassistant"])
    assert (tested.year, tested.minor) == (promised.year, promised.minor)
    assert AwesomeVersion(pinned("ha-next", "homeassistant")) > tested


def test_the_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{MANIFEST['version']}]" in changelog


@pytest.mark.parametrize(
    ("name", "smallest", "largest"),
    [
        ("icon.png", (256, 256), (256, 256)),
        ("icon@2x.png", (512, 512), (512, 512)),
        ("logo.png", (128, 128), (1280, 256)),
        ("logo@2x.png", (256, 256), (2560, 512)),
        ("dark_logo.png", (128, 128), (1280, 256)),
        ("dark_logo@2x.png", (256, 256), (2560, 512)),
    ],
)
def test_the_brand_images_have_their_sizes(
    name: str, smallest: tuple[int, int], largest: tuple[int, int]
) -> None:
    content = (INTEGRATION / "brand" / name).read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert smallest[0] <= width <= largest[0]
    assert smallest[1] <= height <= largest[1]
