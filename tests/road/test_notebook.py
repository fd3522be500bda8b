"""The notebook in examples/ runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_notebook_runs_and_stands_there_without_outputs() -> None:
    notebook = nbformat.read(EXAMPLES / "tweets.ipynb", as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output
    )
    assert "325 rows in" in printed
    assert "1 input is empty {'id': '2', 'text': ''}" in printed
    assert "when it was cancelled" in printed
