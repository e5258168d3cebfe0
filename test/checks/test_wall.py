"""scripts/wall finds what breaks the rules of the wall, and nothing else. (scripts/check runs these tests.)"""
import pathlib
import subprocess

import pytest

WALL = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "wall"
HEAD = """
#include <string>
#include <vector>
#include <algorithm>
#include "pg/guard.h"
namespace cbr::pg {
static std::string made() { return "made"; }
[[maybe_unused]] static int may_raise(int number) { if (number == 0) elog(ERROR, "zero"); return number; }
int example(int number, FmgrInfo *pointer);
int example([[maybe_unused]] int number, [[maybe_unused]] FmgrInfo *pointer)
{
"""
BAD = {
    "error over a local object": 'std::string text = made(); if (number) elog(ERROR, "%s", text.c_str());',
    "error over a temporary": 'ereport(ERROR, (errmsg("%s", made().c_str())));',
    "memory allocated over an object": "std::vector<int> all(3); return *(int *) palloc(all.size());",
    "query over an object": 'std::string text = made(); return SPI_execute(text.c_str(), true, 0);',
    "error in a catch block": 'try { made(); } catch (const std::exception &error) { elog(ERROR, "%s", error.what()); }',
    "error in a try block": "try { return may_raise(number); } catch (...) { return 0; }",
    "error in a function that is called": "std::string text = made(); return may_raise(number);",
    "error in the body of run_core": "run_core([&] { made(); may_raise(number); });",
    "error in a function given to an algorithm":
        "std::vector<int> all(3); std::for_each(all.begin(), all.end(), [](int i) { may_raise(i); });",
    "call through a pointer": "std::string text = made(); return (int) pointer->fn_addr(nullptr);",
    "error after an object's scope has begun again": 'for (;;) { std::string text = made(); CHECK_FOR_INTERRUPTS(); }',
}
GOOD = {
    "error after the object's end": "{ std::string text = made(); } may_raise(number);",
    "error before the object's begin": "may_raise(number); std::string text = made();",
    "core alone inside the guard": "run_core([&] { number = (int) made().size(); }); may_raise(number);",
    "plain value": "struct { int a; } plain{number}; may_raise(plain.a);",
    "object that a memory context owns": "auto *text = make_owned<std::string>(); may_raise((int) text->size());",
    "libc over an object": "std::string text = made(); return (int) strlen(text.c_str());",
}


def wall(folder, body):
    """(exit status, output) for a file with one function of this body."""
    path = folder / "example.cpp"
    path.write_text(HEAD + body + "\nreturn 0;\n}\n} // namespace cbr::pg\n", encoding="utf-8")
    done = subprocess.run([WALL, path], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_finds(tmp_path, body):
    status, words = wall(tmp_path, body)
    assert status == 1 and "which may raise" in words


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_allows(tmp_path, body):
    assert wall(tmp_path, body) == (0, "1 files, 0 calls that may raise over C++ objects\n")
