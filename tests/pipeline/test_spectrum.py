"""csv-spectrum (github.com/max-mapper/csv-spectrum): the files with which libraries for CSV prove that they read it.

All of its files, but for the one whose lines don't end in line ends; what is in them is written here once more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

from fanfold_core.domain.job import State
from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Limits
from fanfold_core.input.source import InputFile


@dataclass(frozen=True)
class Case:
    """A file, the records that are in it, and what has to be said about it."""

    content: bytes
    records: list[list[str]]
    options: dict[str, str] = field(default_factory=dict)


ABC, ONE_TWO_THREE = ["a", "b", "c"], ["1", "2", "3"]
ADDRESS = ["John", "Doe", "120 any st.", "Anytown, WW", "08123"]
POINT = '{"type": "Point", "coordinates": [102.0, 0.5]}'
PLACE = ["02095257564", "37°36'37.8\"N 121°2'17.9\"W", "Modesto", "Stanislaus"]
FILES = {
    "comma in quotes": Case(
        b'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\n',
        [["first", "last", "address", "city", "zip"], ADDRESS],
    ),
    "empty": Case(b'a,b,c\n1,"",""\n2,3,4\n', [ABC, ["1", "", ""], ["2", "3", "4"]]),
    "empty, CRLF": Case(b'a,b,c\r\n1,"",""\r\n2,3,4\r\n', [ABC, ["1", "", ""], ["2", "3", "4"]]),
    "escaped quotes": Case(b'a,b\n1,"ha ""ha"" ha"\n3,4\n', [["a", "b"], ["1", 'ha "ha" ha'], ["3", "4"]]),
    "json": Case(
        b'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n', [["key", "val"], ["1", POINT]]
    ),
    "latin-1": Case(b"a,b,c\n1,2,3\n4,5,\xa9\n", [ABC, ONE_TWO_THREE, ["4", "5", "©"]], {"encoding": "latin-1"}),
    "location coordinates": Case(
        b"Contact Phone Number,Location Coordinates,Cities,Counties\n"
        b"02095257564,37\xb036'37.8\"N 121\xb02'17.9\"W,Modesto,Stanislaus",
        [["Contact Phone Number", "Location Coordinates", "Cities", "Counties"], PLACE],
        {"encoding": "latin-1"},
    ),
    "newlines": Case(
        b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        [ABC, ONE_TWO_THREE, ["Once upon \na time", "5", "6"], ["7", "8", "9"]],
    ),
    "newlines, CRLF": Case(
        b'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
        [ABC, ONE_TWO_THREE, ["Once upon \r\na time", "5", "6"], ["7", "8", "9"]],
    ),
    "newlines, CR": Case(
        b'a,b,c\r1,2,3\r"Once upon \ra time",5,6\r7,8,9',
        [ABC, ONE_TWO_THREE, ["Once upon \ra time", "5", "6"], ["7", "8", "9"]],
    ),
    "null": Case(b'a,b,c\n1,,2\n3,"NULL",4\n5,NULL,6\n', [ABC, ["1", "", "2"], ["3", "NULL", "4"], ["5", "NULL", "6"]]),
    "quotes and newlines": Case(b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n', [["a", "b"], ["1", 'ha \n"ha" \nha'], ["3", "4"]]),
    "simple": Case(b"a,b,c\n1,2,3\n", [ABC, ONE_TWO_THREE]),
    "simple, CRLF": Case(b"a,b,c\r\n1,2,3\r\n", [ABC, ONE_TWO_THREE]),
    "utf-8": Case("a,b,c\n1,2,3\n4,5,ʤ\n".encode(), [ABC, ONE_TWO_THREE, ["4", "5", "ʤ"]]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_spectrum_is_read_as_its_records(name: str) -> None:
    content = FILES[name].content
    options = Options().overridden({"header": "present", "input-column": "0", **FILES[name].options})
    file = InputFile("spectrum.csv", len(content), options, lambda start, end=None: BytesIO(content[start:end]))
    layout = file.layout()
    rows = [row for piece in file.pieces(layout, Limits(rows=1)) for row in file.rows(piece.data, layout)]
    assert [list(layout.columns), *rows] == FILES[name].records


@pytest.mark.parametrize("name", FILES)
def test_results_of_a_file_of_the_spectrum_have_the_same_records(
    pipeline: Callable[[Model], Pipeline], name: str
) -> None:
    metadata = {"header": "present", "input-column": "0", **FILES[name].options}
    ended = pipeline(models.answering(models.good)).run(FILES[name].content, metadata)
    width = len(FILES[name].records[0])
    assert ended.state is State.SUCCEEDED
    assert [line[:width] for line in ended.lines] == FILES[name].records
    assert [line[width] for line in ended.lines[1:]] == [models.label(row[0]) for row in FILES[name].records[1:]]
