"""The words of docs/performance.md around its figures, and what holds them back."""

PAGE = """\
# Performance

Measured on {day} with Python {python}, script after script, on two cores without other work. Seconds would say as much of
the machine as of the program, so all figures are ratios: both sides ran in turn, five times each or more, and the medians are
compared, mostly of processor time (the tweets and the rows per second are wall-clock; calls and memory were measured once,
since they hardly vary). `make bench` measures everything again and writes this page; it took seven minutes.

{reached} of {figures} goals are reached.

| what | against | found | goal | reached | script |
|---|---|---|---|---|---|
{table}

![Each figure as a multiple of its goal](performance/goals.svg)

## What holds the figures back

{limits}

## How much is under way

The endpoint is kept busy by what its open jobs have worked off, not by a setting
([ADR 9](adr/0009-window-by-throughput.md)). In simulated time, with the template's own scaling policies:

![Instances over the time of a job that finds the endpoint asleep](performance/course.svg)

The same simulator is behind `fanfold estimate`, and behind the tests that let nothing expire at endpoints of 0.1 to
1,000 requests a second.

## Scale on paper

None of this was run on AWS. Calls, invocations and seconds of functions are measured on the local cloud
(`benchmarks/costs.py`), for requests of 32 rows and rows of 100 bytes; prices are those of us-east-1
(`fanfold_core/app/prices.toml`, with date and sources); the endpoint itself is not in the dollars, and works off 2,500 rows a
second: five instances, the template's most, of 500 each. Computed by [scale.py](../benchmarks/scale.py).

{scale}

![Hours by rows](performance/scale.svg)

Next to what people use today:

{others}

- *SDK loop*: `predict_async` and `get_result` row by row, 20 ms a call. Each row costs two PUTs (its input, its output)
  and a GET. Threads divide the time, not the dollars. What fails in between is for the script to know.
- *[Batch Transform](https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformInput.html)*: has no price but the
  instances' and S3's. It splits files at line ends (`SplitType` Line), so a line break in a quoted cell breaks the row; a
  request holds at most `MaxPayloadInMB`, and a refused request fails its file.
- *[Step Functions Distributed Map][map]*: at most 10,000 children at once, 100 million items in a run, 10 GB in a CSV file; two
  transitions a child at $0.025 per 1,000, and a function that calls the endpoint and waits, which is not in the price.

### Which limit gives way first

| limit | where it is reached |
|---|---|
| [instances for endpoint usage](https://docs.aws.amazon.com/general/latest/gr/sagemaker.html) (a quota of the account, for g \
types often 0) | at once: they decide the wall-clock |
| ten collectors at once (`MaximumConcurrency` in the template) | some 25,000 rows a second at 13 ms of a function a request |
| [Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): 1,000 concurrent executions in an \
account and region, fewer in a new one | never by the template: it runs 42 at most |
| InvokeEndpointAsync calls per second (not documented) | throttled calls wait and go slower; 2,500 rows a second are 78 calls |
| [DynamoDB on demand](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html): 40,000 write units a \
second and table; 1,000 a second and partition key | some 600,000 rows a second; each chunk is a partition key of its own, the \
job's item is written once a chunk |
| [SQS](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html): 120,000 messages in \
flight in a queue | collectors take 100 at a time, so 1,000 |
| [S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): 10,000 parts of an upload, an object of 48.8 TiB \
| parts grow with the file |
| a job's deadline: 336 hours, as long as a message lives | 3 billion rows at 2,500 a second |
| a gzipped file without byte ranges | what a function decompresses within a minute; upload it plain |

[map]: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-orchestrate-large-scale-parallel-workloads.html
"""

LIMITS = {
    "Fan-out, CPU per request": """\
**Fan-out next to wrk.** wrk sends what was signed beforehand. Of our 40 µs a request, a fifth are the system's calls, one to
send and one to receive, which wrk has, too; a quarter is libcurl and the memory it asks for, a sixth the signature. The rest is
Python: reading the CSV, names, JSON, headers. A key that is derived once a day saved 11 µs; a connection of its own for each
handle, and few of them where the server is this fast, saved 6 ([ADR 7](adr/0007-libcurl-for-one-call.md)); named tuples instead
of frozen dataclasses 2. What is left would take an extension module of our own that signs and sends.""",
    "Fan-out, rows/s": """\
**Fan-out, rows a second.** The one figure of wall-clock beside the tweets: the loop waits for its 20 ms whatever else the
machine does, while some 8,000 rows a second need half a core. Each wave of 500 waits for its last reply before the
ledger is told; without waves, 256 requests under way would be 12,800 rows a second.""",
    "Cutting": """\
**Cutting.** Large files are scanned by masks ([ADR 14](adr/0014-masks-for-large-files.md)): a bit for each byte, for each of
quote, delimiter and two line ends, made and combined by NumPy. That is some 0.5 ns a byte however a file is quoted; what is
left is reading the file (0.1 ns), the bytes of each cut as one piece (0.1 ns), and windows that end with a cut. The same
loops over the processor's vectors, in C, would be four times as fast, and have to be built for each platform.""",
    "Assembling results.csv": """\
**Assembling.** A copy takes 1.3 µs a row. Here a row's own text is copied as it stands (0.2 µs), and three columns more
are written: parsed from JSON (0.5 µs), spelt, a number above all (0.4 µs), quoted where they need it (0.4 µs), and put
behind the row (0.1 µs); the statistics of the report are counted (0.3 µs). Parts are built side by side, as many at once
as there are functions, so no job waits for it as one process would.""",
    "Cold start": """\
**Cold starts.** `import boto3` and one client, as pip installs them, take some 240 ms, of which the client is 80. Out of the
layer it takes 20, because botocore's descriptions of AWS are trimmed there to what the functions read, and bytecode isn't checked
against its sources ([ADR 12](adr/0012-light-functions.md)). That makes room for the description of DynamoDB's tables (11 ms), SQS (3 ms),
powertools' logger and metrics (9 ms), libcurl in the dispatcher (5 ms), and a function's own modules (35 ms, of which most are
half a millisecond for each frozen dataclass). Next to the same client out of the trimmed layer, functions take 1.3 times as
long. botocore without boto3 would save some 15 ms more, and take the tables that the ledger is written in.""",
    "1,798 tweets": """\
**Tweets.** The local cloud's own processes, moto's above all, share two cores with what is measured.""",
}
