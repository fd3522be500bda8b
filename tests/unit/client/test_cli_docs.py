"""docs/cli.md says what the commands say."""

from scripts.cli_docs import PAGE, page


def test_the_page_of_the_command_line_is_that_of_the_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: .venv/bin/python scripts/cli_docs.py"
