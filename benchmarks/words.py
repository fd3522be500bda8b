"""The words of docs/performance.md around its figures, and what holds back the figures that aren't reached."""

PAGE = """\
# Performance

Measured on {day} with Python {python}, script after script, on two cores of a machine that others used, too. So all
figures are ratios: both sides ran in turn, five times each, and the medians are compared, mostly of processor time (the
tweets and the rows per second are wall-clock; calls and memory were measured once, since they hardly vary). `make bench`
measures everything again and writes this page.

{reached} of {figures} goals are reached.

| what | against | found | goal | reached | script |
|---|---|---|---|---|---|
{table}

![Each figure as a multiple of its goal](performance/goals.svg)

## What is not reached, and why

{missed}

## How much is under way

The endpoint is kept busy by what its open jobs have worked off, not by a setting
([ADR 9](adr/0009-window-by-throughput.md)). In simulated time, with the template's own scaling policies:

![Instances over the time of a job that finds the endpoint asleep](performance/course.svg)

The same simulator is behind `fanfold estimate`, and behind the tests that let nothing expire at endpoints of 0.1 to
1,000 requests a second.

## Scale on paper

None of this was run on AWS. Calls, invocations and seconds of functions are measured on the local cloud
(`benchmarks/costs.py`), for requests of 32 rows and rows of 100 bytes; prices are those of us-east-1
(`src/fanfold/prices.toml`, with date and sources); the endpoint itself is not in the dollars, and works off 2,500 rows a
second: five instances, the template's most, of 500 each. Computed by [scale.py](../benchmarks/scale.py).

{scale}

![Hours by rows](performance/scale.svg)

Next to what people use today:

{others}

- *SDK loop*: `predict_async` and `get_result` row by row, 20 ms a call. Each row costs two PUTs (its input, its output)
  and a GET. Threads divide the time, not the dollars. What fails in between is for the script to know.
- *Batch Transform*: has no price but the instances' and S3's. It splits files at line ends (`SplitType` Line), so a line
  break in a quoted cell breaks the row; a request holds at most `MaxPayloadInMB`, and a refused request fails its file.
- *Step Functions Distributed Map*: at most 10,000 children at once, 100 million items in a run, 10 GB in a CSV file; two
  transitions a child at $0.025 per 1,000, and a function that calls the endpoint and waits, which is not in the price.

### Which limit gives way first

| limit | where it is reached |
|---|---|
| instances for endpoint usage (a quota of the account, for g types often 0) | at once: they decide the wall-clock |
| ten collectors at once (`MaximumConcurrency` in the template) | some 25,000 rows a second at 13 ms of a function a request |
| Lambda: 1,000 concurrent executions in an account and region | never by the template: it runs 42 at most |
| InvokeEndpointAsync calls per second (not documented) | throttled calls wait and go slower; 2,500 rows a second are 78 calls |
| DynamoDB on demand: 40,000 write units a second and table; 1,000 a second and partition key | some 600,000 rows a second; \
each chunk is a partition key of its own, the job's item is written once a chunk |
| SQS: 120,000 messages in flight in a queue | collectors take 100 at a time, so 1,000 |
| S3: 10,000 parts of an upload; an object of 5 TiB | parts grow with the file, so at 5 TiB |
| a job's deadline: 336 hours, as long as a message lives | 3 billion rows at 2,500 a second |
| a gzipped file without byte ranges | what a function decompresses within a minute; upload it plain |
"""

MISSED = {
    "Fan-out, CPU per request": """\
**Fan-out next to wrk.** wrk sends what was signed beforehand. A third of our time for a request is libcurl's signature
(measured by leaving it out); without any it would be just at the goal. Another third is libcurl's own work and the system's calls,
for one connection each, which wrk has, too; the last third is Python: six headers as text, a handle's options, reading
the CSV and writing the JSON. Handles and the options that stay are kept from request to request. What is left would take
an extension module of our own that signs and sends, which nobody should have to maintain for a figure: the endpoint
is what a job waits for.""",
    "Fan-out, rows/s": """\
**Fan-out, rows a second.** The one figure of wall-clock beside the tweets: the loop waits for its 20 ms whatever else the
machine does, while 6,000 rows a second need a whole core. Measured before without other work on the machine, it was 255.""",
    "Cutting": """\
**Cutting.** `wc -l` counts one byte with the processor's vectors; the standard library has no such thing for what a
record needs. Measured on this machine, gigabytes a second: looking for a byte that isn't there 10, counting a byte 2 to
3, searching or counting two bytes side by side 1 to 2, `translate` 1.2 to 1.5, making one integer of a block 1.2,
`splitlines` and `split` 0.2 to 0.6, `csv.reader` 0.1 to 0.2; Python 3.13 is no faster at any of them. Plain text takes
one count and one search for blank lines, and with CRLF `splitlines`, so some tenth of `wc -l` is the most. Quoted text must
be looked at quote by quote, for a quote that doesn't begin a cell is an ordinary character, and counting patterns
cannot tell an opening quote from a closing one: one stray quote of each kind would cancel out. So windows are split at
quotes, and what stands between quoted parts is checked as a whole. That costs some 50 ns a quote, and the file measured
here has ten in 70 bytes; texts like tweets, with two quotes in 130 bytes, are cut at 2.6 to 2.8 times `csv.reader`'s speed.
Windows of 32 KB to 256 KB were tried; 64 KB is best. It is the function's least work: a gigabyte takes one splitter some
seconds, and nothing waits for them.""",
    "Assembling results.csv": """\
**Assembling.** A copy takes 1.3 µs a row. Here three columns more are written (0.3 µs), two of them parsed from JSON
(0.5 µs), spelt and put into lines (0.8 µs), answers brought into the order of rows (0.2 µs) and the statistics of
the report counted (0.5 µs). Results become cells column by column, and answers are made without calling a class.
What is left is a row's own work in Python. Parts are built side by side, as many at once as
there are functions, so no job waits for it as one process would. Memory: 45 MiB for 100,000 rows, whose part isn't full
yet, and 67 MiB from 400,000 rows on.""",
    "Cold start": """\
**Cold starts.** What comes beside boto3 and one client: the second and third client, whose descriptions boto3 reads,
powertools' logger and metrics (50 ms of some 330), libcurl in the dispatcher (30 ms), and the functions' own modules. The
X-Ray SDK (110 ms) and powertools' batches (40 to 80 ms) were left out: Lambda traces by itself and botocore passes traces
on, and a loop over messages is ten lines. A container starts cold once, and a job needs ten of a function at most.""",
    "1,798 tweets": """\
**Tweets.** The local cloud's own processes, moto's above all, share two cores with what is measured.""",
}
