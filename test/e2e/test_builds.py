"""The module shows the server what it must and nothing else, however it was built; the core includes no server header;
what differs between PostgreSQL's versions stands in one header, so nothing newer than the oldest is used elsewhere.

CBR_MODULES: paths of modules, separated by colons: the Makefile's build and CMake's.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from cluster import bindir

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MODULES = [path for path in os.environ.get("CBR_MODULES", "").split(":") if path]
VERSION_HEADER = PROJECT / "src" / "pg" / "postgres_headers.h"
SOURCES = sorted(path for path in (PROJECT / "src").rglob("*") if path.suffix in (".cpp", ".h"))
CORE = sorted(path for path in (PROJECT / "src" / "core").iterdir() if path.suffix in (".cpp", ".h"))
IN_12 = pathlib.Path(__file__).parent / "postgresql_12.txt"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def exported(module):
    """The names that the module defines for others."""
    listing = subprocess.run(["nm", "-D", "--defined-only", module], check=True, capture_output=True, text=True)
    return {line.split()[-1].partition("@")[0] for line in listing.stdout.splitlines()}


def functions():
    """The C functions that the installation script names."""
    script = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "sql").glob("cbr--*.sql"))
    return set(re.findall(r"AS\s+'MODULE_PATHNAME',\s*'(\w+)'", script))


def expected():
    names = functions()
    return {"Pg_magic_func", "_PG_init", "cbr_schedule_worker"} | names | {f"pg_finfo_{name}" for name in names}


@pytest.fixture
def modules():
    if not MODULES:
        pytest.skip("CBR_MODULES is not set")
    if not shutil.which("nm"):
        pytest.skip("no nm program")
    return MODULES


def test_installation_script_names_functions():
    assert "cbr_fetch" in functions()


def test_each_build_exports_exactly_what_the_server_looks_up(modules):
    for module in modules:
        assert exported(module) == expected(), module


def test_builds_export_the_same(modules):
    if len(modules) < 2:
        pytest.skip("CBR_MODULES names one module only")
    first, *others = map(exported, modules)
    assert all(other == first for other in others)


def may_be_included(kind, name):
    """The core's own headers, the standard library's (no suffix), libcurl's and libxml2's, and iconv."""
    if kind == '"':
        return name.startswith("core/")
    return name.startswith(("curl/", "libxml/")) or name == "iconv.h" or not name.endswith(".h")


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_includes_no_header_of_the_server(path):
    includes = INCLUDE.findall(path.read_text(encoding="utf-8"))
    assert [name for kind, name in includes if not may_be_included(kind, name)] == []


def test_version_header_knows_versions():
    assert "PG_VERSION_NUM" in VERSION_HEADER.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in SOURCES if path != VERSION_HEADER], ids=lambda path: path.name)
def test_versions_are_told_apart_in_one_header(path):
    assert not re.search(r"\bPG_(VERSION_NUM|MAJORVERSION)", path.read_text(encoding="utf-8"))


def undefined(module):
    listing = subprocess.run(["nm", "-D", "--undefined-only", module], check=True, capture_output=True, text=True)
    return {line.split()[-1].partition("@")[0] for line in listing.stdout.splitlines()}


def test_what_the_oldest_module_takes_from_the_server_is_in_12(modules):
    """Newer servers' modules take what the version header chooses for them."""
    server = bindir() / "postgres"
    version = subprocess.run([server, "--version"], check=True, capture_output=True, text=True).stdout
    if not re.search(r" 1[23]\.", version):
        pytest.skip("the module is built for 14 or newer")
    known = {name for line in IN_12.read_text(encoding="utf-8").splitlines() if line[:1] != "#" for name in line.split()}
    for module in modules:
        assert (undefined(module) & exported(server)) - known == set(), module
