"""The pages that are written by a script say what the code says."""

from pathlib import Path
import re
import runpy

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_actions_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "actions-page"))["page"]()
    committed = (ROOT / "docs" / "actions.md").read_text(encoding="utf-8")
    assert committed == page, "run scripts/actions-page"


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
        for target in _local_links(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def _local_links(text: str) -> list[str]:
    found = re.findall(r"(?:\]\(|src=\")([^)\"#\s]+)", text)
    return [target for target in found if "://" not in target]


def test_a_link_is_found_in_both_of_its_forms() -> None:
    text = '[a](docs/a.md#part) ![b](b.png) <img src="c.png"> [d](https://e.org/f)'
    assert _local_links(text) == ["docs/a.md", "b.png", "c.png"]
