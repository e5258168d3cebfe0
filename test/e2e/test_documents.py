"""What the documents say, held against the program: each psql session they show is run again, the table of settings
is compared with the server's, each error message listed is looked up among those that the tests provoke, and each
file or folder they point at must exist.

A session is a fenced block marked `psql`: statements after the prompts `=> ` and `-> `, and what psql answers. The
sessions of one document are one: a later block sees what an earlier one did.
"""
import re
import subprocess
from pathlib import Path

import pytest
from cluster import bindir

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(p for p in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("test/*/*.md")])
MARK = "--- statement"


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.S | re.M)


def steps(block):
    """The statements of a session with the answers that the document shows."""
    result = []
    for line in block.splitlines():
        if line.startswith("=> "):
            result.append(([line[3:]], []))
        elif line.startswith("-> "):
            result[-1][0].append(line[3:])
        else:
            result[-1][1].append(line.rstrip())
    return [("\n".join(statement), "\n".join(answer).strip()) for statement, answer in result]


def answers(cluster, database, bank, statements):
    script = "".join(f"\\echo {MARK}\n{statement}\n" for statement in statements)
    environment = dict(cluster.environment, PGOPTIONS=f"-c cbr.base_url={bank.url}")
    run = subprocess.run([str(bindir() / "psql"), "-X", "-v", "SHOW_CONTEXT=never", "-h", str(cluster.root), "-U", "postgres", "-d", database],
                         input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                         env=environment, check=False)
    shown = run.stdout.replace(bank.url, "https://www.cbr.ru").replace(bank.url[len("http://"):], "www.cbr.ru")
    return ["\n".join(line.rstrip() for line in part.splitlines()).strip() for part in shown.split(MARK)[1:]]


def without_speed(text):
    return re.sub(r"\d+ days/s", "N days/s", text)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "psql")], ids=lambda d: d.name)
def test_sessions_come_out_as_shown(document, cluster, database, bank):
    cluster.execute("DROP EXTENSION cbr", database)
    shown = [step for block in blocks(document, "psql") for step in steps(block)]
    actual = answers(cluster, database, bank, [statement for statement, _ in shown])
    for (statement, expected), answer in zip(shown, actual):
        assert without_speed(answer) == without_speed(expected), f"{document.name}: {statement}"
    assert len(actual) == len(shown)


def table_rows(heading):
    """The cells of the first table under a heading of the README."""
    section = (ROOT / "README.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_settings_are_those_of_the_server(session):
    documented = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in table_rows("Settings")}
    session.rows("LOAD 'cbr'")
    actual = {}
    for name, default, unit, context in session.rows(
            "SELECT name, boot_val, coalesce(unit, ''), context FROM pg_settings WHERE name LIKE 'cbr.%'"):
        session.rows(f"SET {name} = '{default}{unit}'")  # the server then shows it in the largest unit that fits
        shown = session.rows(f"SHOW {name}")[0][0]
        actual[name] = (shown, {"user": "anyone", "superuser": "superuser"}[context])
    assert documented == actual


def test_error_messages_are_those_that_tests_provoke():
    provoked = "\n".join(p.read_text() for p in (ROOT / "expected").glob("*.out"))
    rows = table_rows("Errors by message")
    assert len(rows) > 10
    for row in rows:
        pattern = ".+".join(re.escape(part) for part in row[0].strip("`").split("…"))
        code = row[1].strip("`")
        told = [text.partition("\nERROR:")[0] for text in re.split(rf"^ERROR:  (?={pattern})", provoked, flags=re.M)[1:]]
        assert told, row[0]
        assert any(code in text.splitlines() for text in told), (row[0], code)


def test_what_is_pointed_at_exists():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_versions_agree():
    version = re.search(r"default_version = '(.*)'", (ROOT / "cbr.control").read_text()).group(1)
    assert f'"version": "{version}.0"' in (ROOT / "META.json").read_text()
    assert (ROOT / "sql" / f"cbr--{version}.sql").exists()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert f'image.version="{version}"' in (ROOT / "Dockerfile.postgres").read_text()
    for place in [*DOCUMENTS, *ROOT.glob("k8s/**/*.yaml"), *ROOT.glob("scripts/*"), *ROOT.glob("test/*/*.py")]:
        named = re.findall(r"\bcbr-postgres:(\d+\.\d+)\b", place.read_text())
        assert set(named) <= {version}, place
