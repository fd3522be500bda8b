"""What is said to be UTF-16 or UTF-32 looks like that."""

import pytest

from fanfold_core.input.errors import LayoutError
from fanfold_core.input.sniffing import check_is_unicode


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"text\nso good\n", "utf-16", "says utf-16, but the file looks like text in utf-8: leave the option out"),
        ("text\nso\n".encode("utf-16-be"), "utf-16", "says utf-16, but the file looks like text in utf-16-be: set"),
        ("text\nso\n".encode("utf-16-le"), "utf-32", "says utf-32, but the file looks like text in utf-16-le: set"),
    ],
)
def test_what_is_no_unicode_of_the_kind_that_is_said_is_not_read_as_other_characters(
    content: bytes, encoding: str, words: str
) -> None:
    with pytest.raises(LayoutError, match=words):
        check_is_unicode(content, encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf_32_be", "gb18030"])
def test_what_is_said_to_be_unicode_and_is_passes(encoding: str) -> None:
    check_is_unicode("text\nüber\n".encode(encoding), encoding)
    check_is_unicode("词\n一\n".encode(encoding), encoding)
