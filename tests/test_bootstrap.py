"""What a clean clone installs: pinned, hashed, free of host addresses, and really used."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHON_LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
LOCKS = [*PYTHON_LOCKS, "package-lock.json"]
DESIGN_CARD = {"flask", "htmx-flask", "flask-babel", "peewee", "webauthn", "flask-wtf"}

# Used without an import statement: the file and the words that use it.
USED_BY_NAME = {
    "psycopg": ("database.py", "psycopg3"),  # peewee loads it for this scheme of DATABASE_URL
    "granian": ("bootstrap.py", '"granian"'),  # a program, started beside us
}


def locked(lock: str) -> dict[str, set[str]]:
    """Versions by name; a package may stand twice, for an old and a new Python."""
    versions = {}
    for name, version in re.findall(r"^([\w.\[\]-]+)==([\w.+!]+)", (ROOT / lock).read_text(), re.M):
        versions.setdefault(canonicalize_name(name.partition("[")[0]), set()).add(version)
    return versions


def direct() -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in PROJECT["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def own_modules() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    yield from ROOT.glob("views/**/*.py")


def imported_packages() -> set[str]:
    modules = set()
    for path in own_modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    owners = packages_distributions()
    return {canonicalize_name(name) for module in modules for name in owners.get(module, ())}


def bootstrap(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "bootstrap.py", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock):
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_every_locked_python_package_has_a_hash(lock):
    lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def test_every_locked_node_package_has_a_hash():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, of in packages.items() if name and "integrity" not in of] == []


def test_htmx_is_one_exact_version():
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert package["dependencies"] == {"htmx.org": "4.0.1"}
    assert lock["packages"]["node_modules/htmx.org"]["version"] == "4.0.1"
    assert 'version="4.0.1"' in (ROOT / "static" / "vendor" / "htmx.min.js").read_text()


def test_every_node_package_is_one_exact_version():
    package = json.loads((ROOT / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert [v for v in versions.values() if not re.fullmatch(r"\d+\.\d+\.\d+", v)] == []


def test_no_more_than_eighteen_direct_dependencies():
    assert len(direct()) <= 18


def test_every_direct_dependency_is_pinned_and_locked():
    versions = locked("requirements.lock")
    for name, requirement in direct().items():
        assert {clause.operator for clause in requirement.specifier} <= {"==", "~="}, name
        assert requirement.specifier, name
        assert all(requirement.specifier.contains(version) for version in versions[name]), name


def test_the_test_lock_holds_the_whole_run_lock():
    """bootstrap.py counts on it: a machine that can test can run."""
    assert locked("requirements.lock").items() <= locked("requirements-test.lock").items()


def test_the_design_card_is_among_the_direct_dependencies():
    assert set(direct()) >= DESIGN_CARD
    assert any(
        Requirement(line).name == "pytest" for line in PROJECT["optional-dependencies"]["test"]
    )


def test_every_direct_dependency_is_used():
    assert set(direct()) - imported_packages() - set(USED_BY_NAME) == set()
    for file, words in USED_BY_NAME.values():
        assert words in (ROOT / file).read_text(), f"{words} no longer stands in {file}"


def test_ci_calls_the_test_command_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines == [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        "exec python3 bootstrap.py test",
    ]


def test_nothing_fetched_or_secret_can_be_committed():
    ignored = set((ROOT / ".gitignore").read_text().splitlines())
    assert ignored >= {".venv/", "node_modules/", "static/vendor/", "instance/", ".env", "*.mo"}


def test_bootstrap_needs_nothing_but_python():
    tree = ast.parse((ROOT / "bootstrap.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_an_old_python_reads_as_far_as_the_message_that_it_is_too_old():
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_an_unknown_command_is_answered_with_the_two_there_are():
    answer = bootstrap("serve")
    assert answer.returncode == 1
    assert "bootstrap.py run" in answer.stderr
    assert "bootstrap.py test" in answer.stderr


def test_a_taken_port_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = bootstrap("run", PORT=str(port))
    assert answer.returncode == 1
    assert f"Port {port} is taken" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("port", ["http", "0", "99999", "-1", ""])
def test_a_port_that_is_none_is_told_in_one_line(port):
    answer = bootstrap("run", PORT=port)
    assert answer.returncode == 1
    assert answer.stderr.strip() == f"PORT={port} is no port number."
