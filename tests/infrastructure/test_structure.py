"""The tree stays readable: short modules, small folders, no circles of imports, and few modules that are crumbs."""

import ast
import re
import subprocess
from collections import Counter
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path, PurePosixPath

import grimp

ROOT = Path(__file__).parents[2]
MOST_LINES, MOST_FILES = 300, 16
SHORT_LINES, MOST_SHORT = 60, 1 / 5
CODE = ("src", "layers", "functions", "tests", "scripts", "benchmarks")
PRODUCT = ("src", "layers", "functions")


def files(*folders: str) -> list[PurePosixPath]:
    """The files of the project, or of some of its folders: those that git has, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [PurePosixPath(name) for name in listed if (ROOT / name).is_file()]


def lines(file: PurePosixPath) -> int:
    return len((ROOT / file).read_text(encoding="utf-8").splitlines())


def test_no_file_of_code_is_long() -> None:
    code = [file for file in files() if file.suffix in {".py", ".js", ".css", ".html"}]
    assert len(code) > 200
    assert {str(file): lines(file) for file in code if lines(file) > MOST_LINES} == {}


def test_no_folder_of_code_holds_many_files() -> None:
    folders = Counter(str(file.parent) for file in files(*CODE))
    assert set(CODE) <= {folder.partition("/")[0] for folder in folders}
    assert {folder: number for folder, number in folders.items() if number > MOST_FILES} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("fanfold", "fanfold_core", "localaws", exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert "fanfold_core.input.cutting" in imports["fanfold.input.files"]
    # It raises CycleError with the modules of a circle.
    TopologicalSorter(imports).prepare()


def test_few_modules_of_the_product_are_short() -> None:
    modules = [file for file in files(*PRODUCT) if file.suffix == ".py"]
    short = [str(file) for file in modules if lines(file) <= SHORT_LINES]
    assert len(short) <= MOST_SHORT * len(modules), sorted(short)


def test_only_stacks_make_clients_so_that_all_have_the_users_time_outs() -> None:
    askers = {
        (file.name, ast.unparse(call.func.value))
        for file in files("src/fanfold")
        if file.suffix == ".py"
        for call in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if call.func.attr in {"client", "resource"}
    }
    assert {asker for file, asker in askers if file == "stacks.py"} == {"self", "self.session", "session"}
    assert {asker.rpartition(".")[2] for file, asker in askers if file != "stacks.py"} == {"stack"}


def test_what_is_counted_in_a_message_is_a_plural_only_where_it_is_more_than_one() -> None:
    # Of one thing, `{len(rows)} rows` would say "1 rows"; `counted` says "1 row".
    found = {
        f"{file}: {ast.unparse(text)}"
        for file in files("src/fanfold", "layers")
        if file.suffix == ".py"
        for text in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for number, after in pairwise(text.values)
        if isinstance(number, ast.FormattedValue) and ast.unparse(number.value).startswith("len(")
        if isinstance(after, ast.Constant) and re.match(r" (more |other )?[a-z]+s\b", str(after.value))
    }
    assert found == set()
