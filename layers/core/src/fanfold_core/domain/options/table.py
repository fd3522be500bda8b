"""The table of options: what may be chosen per job, for a stack by `JobDefaults`, for a file by its S3 metadata."""

from __future__ import annotations

from dataclasses import dataclass

from fanfold_core.domain.options.kinds import (
    Character,
    Choice,
    Column,
    Dollars,
    Encoding,
    Integer,
    Jmespath,
    JobName,
    JsonObject,
    JsonSchema,
    Names,
    Template,
    YesNo,
)
from fanfold_core.domain.options.row import option

# SageMaker's own, where a request says nothing of it.
TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Table:
    """One field per option, with its row."""

    input_column: str = option(
        "Input column",
        default="",
        group="File",
        kind=Column(),
        help=(
            "Column with the texts: its name, or its index (0-based). Empty: the only column, or the one with a usual "
            "name, such as text, review or tweet."
        ),
    )
    header: str = option(
        "Header",
        default="auto",
        group="File",
        kind=Choice(choices=("auto", "present", "absent")),
        help="Whether the first record is a header. auto: decided by its names and the cells below it.",
    )
    delimiter: str = option(
        "Delimiter",
        default=",",
        group="File",
        kind=Character(),
        help='Character that separates cells, or "tab".',
        examples=(",", ";", "tab", "|"),
    )
    quote: str = option(
        "Quote",
        default='"',
        group="File",
        kind=Character(),
        help="Character around cells that contain a delimiter, a quote or a line break.",
        examples=('"', "'"),
    )
    escape: str = option(
        "Escape",
        default="",
        group="File",
        kind=Character(),
        help='Character that escapes the next one, such as \\ where quotes in cells are written \\". Empty: none.',
        examples=("\\",),
    )
    skip_rows: int = option(
        "Skip rows",
        default=0,
        group="File",
        kind=Integer(least=0, most=1000),
        help="Lines before the header to skip, as an editor counts them: titles and comments, blank lines among them.",
    )
    encoding: str = option(
        "Encoding",
        default="utf-8",
        group="File",
        kind=Encoding(),
        help="Encoding of the file (Python name).",
        examples=("utf-8", "cp1252", "latin-1", "utf-16", "gb18030", "shift_jis", "euc_kr", "koi8-r"),
    )
    encoding_errors: str = option(
        "Encoding errors",
        default="row",
        group="File",
        kind=Choice(choices=("strict", "row", "replace")),
        help="What happens to bytes that are not text: row (to errors.csv), replace (by U+FFFD), strict (job fails).",
    )
    bom: str = option(
        "Byte-order mark",
        default="auto",
        group="File",
        kind=Choice(choices=("auto", "yes", "no")),
        help="Whether results.csv and errors.csv begin with a byte-order mark, for Excel. auto: as the input does.",
    )
    skip_initial_space: bool = option(
        "Skip initial space",
        default=False,
        group="File",
        kind=YesNo(),
        help='Whether to skip spaces after a delimiter, as in 1, "so, good".',
    )
    label_column: str = option(
        "Label column",
        default="",
        group="File",
        kind=Column(),
        help=(
            "Column with the true labels: its name, or its index (0-based). The report then says how many predictions "
            "are right. Empty: none."
        ),
    )
    rows_per_request: int = option(
        "Rows per request",
        default=32,
        group="Model",
        kind=Integer(least=1, most=1000),
        costlier="lower",
        help="Number of rows per request.",
    )
    duplicates: str = option(
        "Duplicates",
        default="auto",
        group="Model",
        kind=Choice(choices=("auto", "once", "each")),
        help=(
            "Whether rows with the same input near each other are sent once and get the same result, or each. auto: "
            "once, unless there is a prompt or a payload-expression, or parameters that make a model sample, such as "
            "temperature."
        ),
    )
    parameters: str = option(
        "Model parameters",
        default='{"truncation": true, "max_length": 512}',
        group="Model",
        kind=JsonObject(),
        help=(
            'JSON object to send as the "parameters" of each request. By default, a model of the Hub that classifies '
            'texts in the stack\'s own container also gets "batch_size": 16; one that generates or translates text, '
            "classifies tokens or fills masks gets only what its task takes, and a container that is not Hugging "
            "Face's gets none."
        ),
    )
    input_expression: str = option(
        "Input expression",
        default="",
        group="Model",
        kind=Jmespath(),
        help="JMESPath over a row's columns that builds the model's input. Empty: the text of the input column.",
        examples=("join(' ', [title, body])",),
    )
    prompt: str = option(
        "Prompt",
        default="",
        group="Model",
        kind=Template(),
        help=(
            "Text with columns in braces ({{ }} are braces). Each row is sent as an OpenAI chat request "
            "with the model parameters."
        ),
        examples=("Classify as good or bad: {title} {body}",),
    )
    payload_expression: str = option(
        "Payload expression",
        default="",
        group="Model",
        kind=Jmespath(),
        help='JMESPath over "inputs" and "parameters" that builds the request body. Empty: the Hugging Face format.',
        examples=("{instances: inputs}",),
    )
    result_expression: str = option(
        "Result expression",
        default="",
        group="Model",
        kind=Jmespath(),
        help="JMESPath over the model's response that extracts the list of results. Empty: the whole response.",
        examples=("[].{label: labels[0]}",),
    )
    response_schema: str = option(
        "Response schema",
        default="",
        group="Model",
        kind=JsonSchema(),
        help=(
            "JSON Schema that each row's result must match, or the JSON in the text that a prompt is answered with. "
            "Empty: none."
        ),
        examples=('{"type": "object", "properties": {"label": {"enum": ["good", "bad"]}}, "required": ["label"]}',),
    )
    labels: str = option(
        "Labels",
        default="",
        group="Model",
        kind=Names(),
        help="JSON object with names for the model's labels; those that it leaves out stay as they are. Empty: none.",
        examples=('{"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}',),
    )
    since: str = option(
        "Since",
        default="",
        group="Job",
        kind=JobName(),
        help=(
            "Id of an earlier job: rows whose input it has predicted, with the same model and options, near the same "
            "place in its file are not sent; they get its results. Empty: none."
        ),
        examples=("reviews-6a5ef09ece7577f1",),
    )
    max_attempts: int = option(
        "Attempts",
        default=3,
        group="Job",
        kind=Integer(least=1, most=20),
        costlier="higher",
        help="Attempts for a row that the model rejects, before the row goes to errors.csv.",
    )
    request_ttl_seconds: int = option(
        "Request time to live",
        default=3600,
        group="Job",
        kind=Integer(least=60, most=21600, least_of_stack=900),
        help="Seconds that a request may wait in SageMaker's queue.",
    )
    invocation_timeout_seconds: int = option(
        "Invocation timeout",
        default=TIMEOUT_SECONDS,
        group="Job",
        kind=Integer(least=1, most=3600),
        help=(
            "Seconds that the model may work on a request; then it is sent again. More than 900 need as many of the "
            "stack's ContainerTimeoutSeconds."
        ),
    )
    deadline_hours: int = option(
        "Deadline",
        default=72,
        group="Job",
        kind=Integer(least=1, most=336),
        help="Hours after which the job ends with the rows that are done.",
    )
    max_dollars: str = option(
        "Most dollars",
        default="",
        group="Job",
        kind=Dollars(),
        costlier="higher",
        help=(
            "Dollars after which the job ends with the rows that are done: for services, and for all instances of the "
            "endpoint from the upload until it sleeps again. Empty or 0: no limit."
        ),
        examples=("5", "0.50"),
    )
    tolerated_failure_percentage: int = option(
        "Tolerated failures",
        default=100,
        group="Job",
        kind=Integer(least=0, most=100),
        help="Percentage of rows that may fail. If more fail, the job ends as FAILED; its results are still written.",
    )
    results_format: str = option(
        "Results format",
        default="csv",
        group="Job",
        kind=Choice(choices=("csv", "jsonl", "parquet")),
        help=(
            "Format of the results: csv; jsonl, one JSON object per row with the types of its values; or parquet, "
            "which is jsonl and a folder of Parquet files for Athena, Spark, DuckDB and pandas."
        ),
    )
    guard_formulas: bool = option(
        "Guard formulas",
        default=False,
        group="Job",
        kind=YesNo(),
        help="Whether to put an apostrophe before anything in result cells that a spreadsheet would run as a formula.",
    )
