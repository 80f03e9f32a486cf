"""What holds for every file of the project, whatever it is about."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re

import pytest

from .tree import INTEGRATION, ROOT, project_files, python_files

MAX_LINES = 500
MAX_LINES_OF_INIT = 150

# Places of one developer's machine, and hosts that only a lock file may name.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|farm)/|/root/\.|/home/\w+/")
REGISTRY_HOST = re.compile(
    r"\b(?:[\w-]+\.)*(?:pypi|npmjs|debian|pythonhosted|ubuntu)\.(?:org|com)\b"
)
LOG_METHODS = frozenset(
    {"critical", "debug", "error", "exception", "info", "log", "warning"}
)


def texts() -> Iterator[tuple[Path, str]]:
    """Yield the text files that people write."""
    for path in project_files():
        if path.suffix != ".lock":
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def ill_logged(source: str) -> list[int]:
    """Return the lines that build a log message before anybody wants it."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOG_METHODS
        and "log" in ast.unparse(node.func.value).lower()
        and node.args
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp | ast.Call)
    ]


def test_no_file_names_a_machine_or_a_registry() -> None:
    leaks = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in texts()
        for pattern in (MACHINE_PATH, REGISTRY_HOST)
        if (match := pattern.search(text))
    ]
    assert leaks == []


@pytest.mark.parametrize(
    "text", ["cd /work" + "/main", "/root" + "/.ssh", "files.pypi" + ".org/simple"]
)
def test_a_leak_is_found(text: str) -> None:
    assert MACHINE_PATH.search(text) or REGISTRY_HOST.search(text)


@pytest.mark.parametrize("text", ["network/work/", "lab.example.org", "/roots/x"])
def test_other_text_is_no_leak(text: str) -> None:
    assert not MACHINE_PATH.search(text)
    assert not REGISTRY_HOST.search(text)


def test_files_stay_readable_in_one_sitting() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(ROOT)
        if not path.is_relative_to(ROOT / "tests")
    }
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}
    init = str((INTEGRATION / "__init__.py").relative_to(ROOT))
    assert lengths[init] <= MAX_LINES_OF_INIT


def test_log_messages_are_built_when_they_are_wanted() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for folder in ("custom_components", "lab")
        for path in python_files(ROOT / folder)
        if (lines := ill_logged(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        '_LOGGER.debug(f"{x}")',
        '_LOGGER.info("%s" % x)',
        'self._log.error("{}".format(x))',
    ],
)
def test_a_message_built_too_early_is_found(line: str) -> None:
    assert ill_logged(line) == [1]


def test_a_message_with_arguments_is_left_alone() -> None:
    assert ill_logged('_LOGGER.debug("%s", x)\nmath.log(x + 1)') == []


def test_scripts_can_be_run() -> None:
    scripts = [
        path
        for path in project_files()
        if path.parent in (ROOT / "scripts", ROOT / ".ci") and not path.suffix
    ]
    assert {"setup", "test", "lint", "run"} <= {path.name for path in scripts}
    assert [path.name for path in scripts if not path.stat().st_mode & 0o100] == []
