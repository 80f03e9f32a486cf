"""The zip of a release is what HACS and the Marketplace unpack."""

import json
from pathlib import Path
import zipfile

import pytest

from scripts import release

from .tree import load_json


def test_the_zip_holds_the_integration_with_the_version_of_the_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "TARGET", tmp_path / "dist" / "it.zip")
    assert "version 4.5.6b1" in release.main("v4.5.6b1")
    with zipfile.ZipFile(release.TARGET) as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
    assert {"__init__.py", "brand/icon.png", "proxmox/models.py"} <= names
    assert manifest == load_json("manifest.json") | {"version": "4.5.6b1"}
    assert list(manifest) == list(load_json("manifest.json"))


@pytest.mark.parametrize("tag", ["latest", "v1.2", "v1.2.3-beta", ""])
def test_a_tag_that_is_no_version_ends_it(tag: str) -> None:
    with pytest.raises(SystemExit, match="is not a version"):
        release.main(tag)
