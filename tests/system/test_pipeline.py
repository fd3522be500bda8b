"""From an upload to results.csv, on the whole system."""

from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.parquet import read_table, write_table
from tests.system.conftest import Finished, Pipeline
from tests.written_files import BARE, TEXTS, VARIANTS, as_csv

from fanfold.status import JobState
from fanfold_core.domain.keys import job_id


@pytest.fixture(scope="module")
def expected(pipeline: Pipeline) -> list[list[str]]:
    """What the texts get."""
    return predictions(pipeline.run("plain.csv", BARE))


def predictions(finished: Finished) -> list[list[str]]:
    return [row[-3:] for row in finished.results]


def test_every_row_gets_one_line_in_order_whatever_goes_into_a_request(pipeline: Pipeline) -> None:
    many = pipeline.run("tweets.csv", BARE)
    one = pipeline.run("tweets.csv", BARE, rows_per_request=1)
    assert many.header == ["column_1", "label", "score", "error"]
    assert [row[0] for row in many.results] == TEXTS
    assert all(label.startswith("LABEL_") and float(score) and not error for _, label, score, error in many.results)
    assert many.errors == []
    assert many.content == one.content
    assert (many.summary["state"], many.summary["rows"], many.summary["failed"]) == ("SUCCEEDED", 300, 0)
    assert (many.summary["requests"], one.summary["requests"]) == (10, 278)  # the first row goes alone
    assert many.summary["duplicates"] == one.summary["duplicates"] == 300 - 278


# The others, tests/pipeline shows.
@pytest.mark.parametrize("name", ["gzipped.csv.gz", "utf-16.csv.xz", "space plus+file (1).csv", "by index.csv"])
def test_the_same_texts_get_the_same_predictions_however_they_are_written(
    pipeline: Pipeline, expected: list[list[str]], name: str
) -> None:
    content, options = VARIANTS[name]
    finished = pipeline.run(name, content, **options)
    assert predictions(finished) == expected
    assert finished.summary["input"].endswith(name)


def test_a_row_that_cannot_be_sent_costs_only_itself(pipeline: Pipeline) -> None:
    content = b"id,text\n1,good\n2,\n3\n4,bad,surplus\n\n5,fine\n"
    finished = pipeline.run("ragged.csv", content)
    assert finished.summary["state"] == "COMPLETED_WITH_ERRORS"
    assert [(row[0], row[1], bool(row[2]), row[4]) for row in finished.results] == [
        ("1", "good", True, ""),
        ("2", "", False, "input is empty"),
        ("3", "", False, "row has 1 cell where the file has 2 columns"),
        ("4", "bad", False, "row has 3 cells where the file has 2 columns"),
        ("5", "fine", True, ""),
    ]
    assert finished.errors == [
        ["1", "input is empty", "2", "", ""],
        ["2", "row has 1 cell where the file has 2 columns", "3", "", ""],
        ["3", "row has 3 cells where the file has 2 columns", "4", "bad", '["surplus"]'],
    ]


def test_columns_of_the_file_and_of_the_results_stand_side_by_side(pipeline: Pipeline) -> None:
    finished = pipeline.run("taken.csv", b"label,text,error\nmine,so good,none\n")
    assert finished.header == ["label", "text", "error", "fanfold_label", "score", "fanfold_error"]
    assert finished.results[0][:4] == ["mine", "so good", "none", "LABEL_2"]


def test_a_file_of_several_chunks_and_parts_comes_back_whole(pipeline: Pipeline) -> None:
    rows = [[str(number), f"row {number} is good"] for number in range(25_000)]
    finished = pipeline.run("long.csv", b"id,text\n" + as_csv(rows, "\n"), rows_per_request=1000)
    assert [row[:2] for row in finished.results] == rows
    assert finished.summary["predicted"] == 25_000


def test_a_request_too_large_for_a_call_goes_through_s3(pipeline: Pipeline) -> None:
    texts = [f"good{'x' * 40_000}{number}" for number in range(8)]
    finished = pipeline.run("large.csv", "\n".join(["text", *texts]).encode(), rows_per_request=8)
    assert finished.summary["state"] == "SUCCEEDED"
    assert finished.summary["requests"] == 2  # the first row goes alone
    assert [line[0] for line in finished.results] == texts


def test_a_parquet_file_is_a_job_like_any_other_wherever_it_is(pipeline: Pipeline, tmp_path: Path) -> None:
    rows = [
        {
            "id": number,
            "text": f"so good {number}",
            "day": date(2024, 2, 29),
            "tags": ["a", None],
            "at": Decimal("1.50"),
        }
        for number in range(2_000)
    ]
    write_table(pa.Table.from_pylist(rows), content := BytesIO(), row_group_size=300, data_page_size=1_000)
    s3, bucket = pipeline.client.stack.client("s3"), pipeline.client.stack.input_bucket
    given = {"results-format": "jsonl", "input-column": "text"}
    put = s3.put_object(Bucket=bucket, Key="some/rows.parquet", Body=content.getvalue(), Metadata=given)
    job = pipeline.client.job(job_id(bucket, "some/rows.parquet", put["VersionId"]))
    assert (job.wait(timeout=60).state, job.summary()["rows"]) == (JobState.SUCCEEDED, 2_000)
    found = list(job.results())
    own = [{**row, "day": "2024-02-29", "at": "1.50"} for row in rows]
    assert [{name: row[name] for name in rows[0]} for row in found] == own
    assert {row["error"] for row in found} == {None}
    # The client reads it in place before it is copied.
    options = {"input_column": "text", "results_format": "parquet"}
    copied = pipeline.client.submit(f"s3://{bucket}/some/rows.parquet", **options)
    assert copied.wait(timeout=60).predicted == 2_000
    folder = tmp_path / "results.parquet"
    assert folder in copied.download(tmp_path)
    assert copied.summary()["parquet"].endswith(f"/results/{copied.id}/results.parquet/")
    assert read_table(folder).to_pylist() == list(copied.results()) == found
