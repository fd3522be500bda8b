"""How many calls to AWS a file costs. Calls are counted, for they never vary; times are in benchmarks/."""

from benchmarks.sides.pipeline import travel


def test_a_thousand_rows_cost_no_more_than_sixty_calls_and_no_more_in_a_longer_file() -> None:
    few, many = (travel(rows).calls.total() / rows for rows in (10_000, 20_000))
    assert few <= 0.060
    assert many <= 1.02 * few


def test_each_request_to_the_endpoint_is_one_call() -> None:
    calls = travel(3_200).calls
    assert calls["sagemaker-runtime:InvokeEndpointAsync"] == 101  # a row alone, and then 32 at a time
    assert calls["s3:PutObject"] == 4  # results.csv, errors.csv, summary.json, report.html
