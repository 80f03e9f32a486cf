"""Writes dist/proxmox_homelab.zip for a release.

    python3 scripts/release.py v1.2.3

The root of the zip is the content of the integration's folder, and the version of
the tag stands in its manifest.
"""

import json
from pathlib import Path
import re
import subprocess
import sys
import zipfile

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "custom_components" / "proxmox_homelab"
TARGET = ROOT / "dist" / "proxmox_homelab.zip"
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")


def tracked_files() -> list[Path]:
    """Return the committed files of the integration."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "."],  # noqa: S607 - git is where the user has it
        cwd=FOLDER,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    return [FOLDER / name for name in names if name]


def content_of(path: Path, version: str) -> bytes:
    """Return what goes into the zip for a file."""
    content = path.read_bytes()
    if path.name == "manifest.json":
        manifest = json.loads(content) | {"version": version}
        content = f"{json.dumps(manifest, indent=2)}\n".encode()
    return content


def main(tag: str) -> str:
    """Write the zip and return what was done; a tag that is no version ends it."""
    version = tag.removeprefix("v")
    if not VERSION.fullmatch(version):
        sys.exit(f"release: {version} is not a version such as 1.2.3 or 1.2.3b1")
    TARGET.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tracked_files():
            name = path.relative_to(FOLDER).as_posix()
            archive.writestr(name, content_of(path, version))
    return f"release: {TARGET} with version {version}"


if __name__ == "__main__":
    print(main(sys.argv[1]))
