"""The house rules that a formatter cannot see."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hexgate.domain import errors
from hexgate.entrypoints.grpc import listen, render
from hexgate.entrypoints.grpc.status import CODES

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
FILES = sorted(path for path in SRC.rglob("*.py") if "v1" not in path.relative_to(SRC).parts)
EVERYWHERE = sorted(
    path
    for folder in ("src", "tests", "bench", "scripts", "clients/python")
    for path in (ROOT / folder).rglob("*.py")
    if "v1" not in path.relative_to(ROOT).parts
)
MAX_LINES = 400
MAX_FUNCTION_LINES = 50


def name_of(path: Path) -> str:
    """A readable test id."""
    return str(path.relative_to(ROOT))


def own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    doc = ast.get_docstring(node, clean=False)
    return lines - (doc.count("\n") + 1 if doc else 0)


@pytest.mark.parametrize("path", EVERYWHERE, ids=name_of)
def test_files_and_functions_fit_a_screen(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= MAX_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert own_lines(node) <= MAX_FUNCTION_LINES, f"{node.name} at line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_modules_and_everything_public_say_what_they_are(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "module without a docstring"
    for node in tree.body:
        kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_folder_of_python_files_is_a_package() -> None:
    folders = {path.parent for path in SRC.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def every_error() -> list[type[errors.GatewayError]]:
    """The whole tree."""
    found, queue = [], [errors.GatewayError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue.extend(kind.__subclasses__())
    return found


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_reason_of_the_contract(
    kind: type[errors.GatewayError],
) -> None:
    assert any(base in CODES for base in kind.__mro__)
    assert render.reason(kind.reason)


def test_the_drawn_tree_of_errors_is_the_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    real = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.GatewayError)
        and value is not errors.GatewayError
    }
    assert drawn == real


def test_every_port_has_a_contract_suite() -> None:
    ports = {path.stem for path in (SRC / "ports").glob("*.py")} - {"__init__"}
    suites = {path.stem for path in (ROOT / "tests" / "contracts").glob("*.py")} - {"__init__"}
    assert ports <= suites


def test_channel_options_are_known_names() -> None:
    names = {name for name, _ in listen.options(1 << 20, 600)}
    assert names <= listen.KNOWN_OPTIONS


def test_importing_the_package_loads_no_vendor_sdk_and_opens_nothing() -> None:
    program = (
        "import sys, json, hexgate.entrypoints.cli;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(run.stdout))
    assert not loaded & {"openai", "anthropic", "boto3", "genai_prices", "httpx", "httpx2"}
    assert not loaded & {"psycopg", "alembic", "sqlalchemy", "prometheus_client"}


def test_lock_files_carry_no_address() -> None:
    locks = [
        *ROOT.glob("requirements*.lock"),
        *(ROOT / "clients").glob("*/package-lock.json"),
    ]
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "--index-url" not in text
        assert '"resolved"' not in text
        # npm writes where to give money; that is no registry, but it is no business of a lock.
        assert not re.search(r"https?://[^\s\"]*(?:pypi|registry|npmjs)", text), lock


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.optional-dependencies]")]
    lines = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert lines
    assert [line for line in lines if "#" not in line] == []


def test_the_python_sources_never_import_the_folder_name() -> None:
    wrong = [
        str(path)
        for folder in ("src", "tests", "bench", "scripts", "clients/python")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(from|import) src\b", path.read_text(), re.MULTILINE)
    ]
    assert wrong == []
