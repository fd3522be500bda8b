"""Header and input column are told by names and cells, and asked for where nothing tells them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.input.test_layout import detected

from fanfold_core.input.columns import USUAL_NAMES, Asked
from fanfold_core.input.errors import InputColumnError, LayoutError
from fanfold_core.input.records import Dialect, format_records


def test_of_several_usual_names_the_one_that_is_meant_is_asked_for() -> None:
    words = "2 columns may hold the texts, 'text', 'comment': give the number of the one that is meant, 1 or 3, with"
    with pytest.raises(InputColumnError, match=words):
        detected(b"id,text,day,comment\n1,2,3,4\n")


@pytest.mark.parametrize("name", sorted(USUAL_NAMES))
def test_one_usual_name_tells_header_and_input_and_that_is_said(name: str) -> None:
    layout = detected(f"review_id,stars, {name.upper()} \n1,5,good\n".encode())
    assert (layout.has_header, layout.input_index) == (True, 2)
    where = f"he texts are in column 2, ' {name.upper()} ', because of its usual name."
    assert layout.assumed == (f"The first line is the header, and t{where}",)
    layout = detected(f"review_id,stars, {name.upper()} \n1,5,good\n".encode(), header="present")
    assert layout.assumed == (f"T{where}",)


@pytest.mark.parametrize(
    ("head", "names", "has_header", "words"),
    [
        (
            b"id,text\n1,good\n",
            {"txt"},
            True,
            "the columns are 'id', 'text'; correct the option, or the file's first l",
        ),
        (b"id,text\n1,good\n", {"column_1"}, False, ""),
        (b"id,text\n1,good\n", {"id"}, True, ""),
        (b"id,title\n1,good\n", {"txt"}, False, "'column_1', 'column_2', since the first line is taken for a row"),
    ],
)
def test_what_an_option_asks_for_and_usual_names_tell_the_header(
    head: bytes, names: set[str], words: str, *, has_header: bool
) -> None:
    asked = Asked("prompt", frozenset(names))
    if not words:
        assert detected(head, asked=asked).has_header is has_header
        return
    with pytest.raises(LayoutError, match=words) as caught:
        detected(head, asked=asked)
    assert caught.value.in_full.endswith("; did you mean 'text'?") is has_header


@pytest.mark.parametrize(("given", "index"), [("stars", 2), (" STARS ", 2), ("0", 0)])
def test_the_column_of_the_true_labels_is_given_by_its_name_or_number(given: str, index: int) -> None:
    assert detected(b"id,text,stars\n1,good,5\n", label_column=given).label_index == index
    assert detected(b"id,text,stars\n1,good,5\n").label_index is None


def test_the_name_of_the_column_of_true_labels_tells_that_the_first_line_is_the_header() -> None:
    layout = detected(b"what,stars\nso good,five\nso bad,one\n", input_column="0", label_column="stars")
    assert (layout.has_header, layout.input_index, layout.label_index) == (True, 0, 1)


@pytest.mark.parametrize(
    ("head", "options", "words"),
    [
        (b"id,text\n", {"label_column": "stars"}, "no column is named 'stars': the columns are 'id', 'text'; give the"),
        (b"id,text\n", {"label_column": "2"}, "no column 2: the file has 2, counted from 0; see the option `label-co"),
        (b"text\n", {"label_column": "stars"}, "no column is named 'stars': the columns are 'text'"),
        (b"so good\n", {"label_column": "stars"}, "first line, which looks like a row, says that there are no names"),
        (
            b"text,a,a\n",
            {"label_column": "a"},
            "2 columns are named 'a': give the number of the one that is meant, 1 or",
        ),
        (b"id,text\n", {"label_column": "text"}, "the texts and their true labels are in one column, 1"),
    ],
)
def test_a_column_of_true_labels_that_is_not_there_is_said_with_those_that_are(
    head: bytes, options: dict[str, str], words: str
) -> None:
    with pytest.raises(LayoutError, match=words) as caught:
        detected(head, **options)
    assert "label-column" in str(caught.value)
    assert not isinstance(caught.value, InputColumnError)


def test_the_texts_may_be_asked_for_whatever_column_the_true_labels_are_in() -> None:
    with pytest.raises(InputColumnError, match="say which with the option `input-column`"):
        detected(b"stars,words\n5,good\n", label_column="0")


@pytest.mark.parametrize("header", ["auto", "absent"])
def test_which_of_several_columns_is_the_input_is_asked_for_and_never_guessed(header: str) -> None:
    words = (
        r"the file has 3 columns, and none has a usual name \(.*\) that tells which of them holds the texts; say which "
        "with the option `input-column`: its name, or its number, counted from 0$"
    )
    with pytest.raises(InputColumnError, match=words) as caught:
        detected(b"review_id,product,words\n1,shoe,good\n", header=header)
    assert caught.value.quoted == "the first line is 'review_id', 'product', 'words'"


def test_the_names_of_what_is_said_to_be_a_header_may_be_told_to_anybody() -> None:
    with pytest.raises(InputColumnError, match="texts: the columns are 'review_id', 'product', 'words'; say which"):
        detected(b"review_id,product,words\n1,shoe,good\n", header="present")


@pytest.mark.parametrize("options", [{}, {"input_column": "tweet"}, {"input_column": "7"}, {"header": "absent"}])
def test_a_first_line_that_may_be_a_row_is_quoted_beside_the_message(options: dict[str, str]) -> None:
    with pytest.raises(LayoutError) as caught:
        detected(b"Ann Smith,so bad\nJo,fine\n", **options)
    assert "Ann Smith" not in str(caught.value)
    assert "Ann Smith" in caught.value.in_full


@pytest.mark.parametrize(
    ("content", "has_header", "words"),
    [
        ("id,words\n1,a\n", True, "The first line is the header: its cell of column 0 stands above numbers."),
        ("made,words\n2024-01-02,a\n", True, "its cell of column 0 stands above dates"),
        ("when,words\n1/2/24,a\n\n1/2/25,a\n", True, "its cell of column 0 stands above dates"),
        ("words,lang\nso good,en\nso bad,de\n", True, "column 1 is not as long as those below, which are all alike"),
        (
            "what,words\nx,a text that goes on for a while\n",
            True,
            "its cell of column 1 is much shorter than those below",
        ),
        ("stars,review\n5,so\n", True, "'review' is a column's usual name."),
        ("1,good\n2,bad\n", False, "The first line is a row: its cell of column 0 has numbers, as those below."),
        ("x,1\ny,n/a\n", False, "its cell of column 1 has numbers."),
        ("good,2024-01-02\nbad,2024-01-03\n", False, "its cell of column 1 has dates, as those below"),
        ("so good,\nso bad,really\n", False, "its cell of column 1 is empty"),
        ("so good,pos\nso bad,neg\nwell,pos\n", False, "its cell of column 1 comes again below"),
        ("so good,en\nso bad,de\nwell,fr\n", False, "its cell of column 1 is as long as those below"),
        (f"{'so good ' * 9},x\nbad,y\n", False, "its cell of column 0 is too long for a name"),
        ("a,b\nc,d\n", False, "nothing tells it from the others"),
        ("a,b\n", False, "nothing tells it from the others"),
    ],
)
def test_with_an_index_the_cells_below_tell_whether_the_first_line_is_the_header(
    content: str,
    has_header: bool,  # noqa: FBT001
    words: str,
) -> None:
    layout = detected(content.encode(), input_column="1")
    assert layout.has_header == has_header
    assert words in " ".join(layout.assumed)
    assert layout.first_byte == (content.index("\n") + 1 if has_header else 0)


# A file of little else than NUL is no CSV.
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=5), st.booleans())
def test_a_first_line_is_the_header_or_a_row_and_what_is_taken_for_granted_is_said(
    rows: list[list[str]],
    complete: bool,  # noqa: FBT001
) -> None:
    content = format_records(rows, Dialect()).encode()
    layout = detected(content, input_column="1", complete=complete)
    assert layout.first_byte == (len(format_records(rows[:1], Dialect()).encode()) if layout.has_header else 0)
    assert layout.assumed


def test_a_near_name_is_looked_for_among_the_first_columns_only() -> None:
    names = [f"c{number}" for number in range(300)]
    for place, words in ((199, "did you mean 'review'"), (200, "the first line is")):
        header = [*names[:place], "review", *names[place:]]
        line = ",".join(header).encode()
        with pytest.raises(LayoutError) as caught:
            detected(line + b"\n" + line + b"\n", input_column="reveiw")
        assert words in caught.value.in_full
        assert ("did you mean" in caught.value.in_full) == (place < 200)


@pytest.mark.parametrize("head", [b"id,text\n", b"text\n", b"so good\n", b"a,b\n1,2\n"])
@pytest.mark.parametrize("given", ["n" * 1_700, "9" * 1_700, "9" * 5_000])
@pytest.mark.parametrize("option", ["input_column", "label_column"])
def test_a_name_of_any_length_leaves_room_for_what_helps(head: bytes, given: str, option: str) -> None:
    with pytest.raises(LayoutError) as caught:
        detected(head, **{option: given})
    assert "option `" in str(caught.value)
    assert "…" not in str(caught.value)[-40:]


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        (b"id;Text;price\n1;so good;1,5\n", ";"),
        (b'"id";"text"\r\n"1";"so good"\r\n', ";"),
        (b"id\ttext\n1\tso, good\n", "tab"),
        (b"id|review|text\n1|so good|x\n", "|"),
    ],
)
def test_a_header_with_another_delimiter_is_no_text(head: bytes, delimiter: str) -> None:
    with pytest.raises(LayoutError, match=rf"set the option `delimiter` to {re.escape(delimiter)}, or"):
        detected(head)
    with pytest.raises(LayoutError, match=rf"'text': set the option `delimiter` to {re.escape(delimiter)}, or"):
        detected(head, input_column="Text")
    with pytest.raises(LayoutError, match=rf"'text': set the option `delimiter` to {re.escape(delimiter)}, or"):
        detected(head, asked=Asked("prompt", frozenset({"text"})))
    assert detected(head, header="absent").columns == ("column_1",)
    assert len(detected(head, header="present").columns) == 1


def test_a_text_with_a_delimiter_in_it_is_a_text() -> None:
    for head in (b"so good; really\nbad; really\n", b"my text; so good\n"):
        assert detected(head).columns == ("column_1",)


@pytest.mark.parametrize(
    ("head", "delimiter", "words"),
    [
        (b"Timestamp;Question;Rating\n1;good;5\n", ";", "the first 2 lines seem to have 3 cells each"),
        (b"1;so good\n2;so bad\n\n3;well\n", ";", "the first 3 lines seem to have 2 cells each"),
        (b'id;words\n1;"so good; and cheap"\n2;"so\nbad"\n', ";", "the first 3 lines seem to have 2 cells each"),
        (b"id\twords\n1\tso, good\n2\tso bad\n", "tab", "the first 3 lines seem to have 2 cells each"),
        (b"id|words||\n1|so good||\n2|||\n", "|", "the first 3 lines seem to have 2 cells each"),
        (b"id;words\n" + b"1;so good\n" * 40, ";", "the first 21 lines seem to have 2 cells each"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"input_column": "0"}])
def test_lines_that_all_have_as_many_cells_with_another_delimiter_are_no_texts(
    head: bytes, delimiter: str, words: str, options: dict[str, str]
) -> None:
    with pytest.raises(
        LayoutError, match=rf"{words}: set the option `delimiter` to {re.escape(delimiter)}, or"
    ) as told:
        detected(head, **options)
    assert told.value.in_full == str(told.value), "a row is quoted nowhere"
    for header in ("absent", "present"):
        assert len(detected(head, header=header, **options).columns) == 1
    detected(head, asked=Asked("prompt", frozenset({"column_1"})))


@pytest.mark.parametrize(
    "head",
    [
        # Few, beside each other, at the end, or not in all of them.
        b"id;words\n1;so good\n",
        b"so good; and cheap\nbad; and dear\nwell; so what\n",
        b"so good ;-)\nso bad ;-)\nwell ;-)\n",
        b"Shoes | Shop\nHats | Shop\nGloves | Shop\n",
        b"select 1;\nselect 2;\nselect 3;\n",
        b"good;cheap\nbad;dear\nwell\n",
        b"good;cheap\nbad;dear;late\nwell;so\n",
        b'"so;good"\n"so;bad"\n"so;so"\n',
    ],
)
def test_texts_with_a_delimiter_each_are_texts(head: bytes) -> None:
    assert detected(head).columns == ("column_1",)


def test_a_quote_that_would_be_the_delimiter_is_none() -> None:
    assert detected(b"a|b|c\n1|2|3\n", dialect=Dialect(quote="|")).columns == ("column_1",)
