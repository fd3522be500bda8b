"""The words of docs/performance.md around its figures, and what limits them."""

PAGE = """\
# Performance

Measured on {day} with Python {python}, one script after the other, on two otherwise idle cores. Seconds would
depend on the machine, so all figures are ratios. Both sides ran in turn, at least five times each, and the medians are
compared. Most figures compare processor time; the tweets and the rows per second are wall-clock time. Calls and memory
were measured once, because they hardly vary.
`make bench` measures everything again and writes this page. It took seven
minutes.

{reached} of {figures} goals are reached.

| what | against | found | goal | reached | script |
|---|---|---|---|---|---|
{table}

![Each figure as a multiple of its goal](performance/goals.svg)

## What limits the figures

{limits}

## Models in the container

{models}

## On a laptop

What a local cloud takes of a machine with two cores of an AMD EPYC and 24 GB, under Linux with Python 3.11.7, VADER as
the model and texts of 4 to 12 words. Unlike the other figures, these are absolute. They were measured on 2026-11-29 by
[laptop.py](../benchmarks/laptop.py) on an otherwise idle machine. Memory is that of all processes, pages that several
share counted once. Counted for each, as `top` shows them, an idle local cloud has 490 MB.

| | seconds | rows per second | processor seconds | MB |
|---|---|---|---|---|
| `fanfold local up`, until it can be used and then idle (medians of five) | 1.5 | | | 319 |
| `fanfold run`, 10 rows | 2.8 | | 3.3 | 373 |
| `fanfold run`, 200,000 rows | 30.0 | 6,657 | 38.4 | 717 |
| `fanfold run --rows-per-request 256`, 200,000 rows | 17.0 | 11,731 | 21.8 | 660 |

After the start, a row takes 0.08 ms of a processor, half of it VADER's, and a request 3.0 ms: it is sent, queued,
answered, stored, announced, collected and kept in the ledger, by the functions' own code and moto. The default of 32
rows per request is that of a deployed stack, so that a trial shows what will happen there. For short texts and a fast
model, `--rows-per-request 256` gives the same results sooner.

A run of ten rows is nearly all start: 1.75 s of processor time in the main process, a sixth of it to translate the
template, 1.1 s in moto's, 0.3 s to import what the functions share, and 0.1 s in the process of each function. These are
forked from one that has imported boto3 and the rest ([ADR 24](adr/0024-forked-functions.md)); when each imported it for
itself, such a run took 5.1 s in the same conditions instead of 3.7. Idle memory is 85 MB in each of the first two
processes, and 125 MB in all that run functions.

## Requests in flight

The number of requests in flight isn't a setting. It follows the speed at which the endpoint processes its open jobs
([ADR 9](adr/0009-window-by-throughput.md)). In simulated time, with the template's own scaling policies:

![Instances over the time of a job that starts with an endpoint scaled to zero](performance/course.svg)

`fanfold estimate` uses the same simulator. So do the tests that let no request expire at endpoints with 0.1 to 1,000
requests per second.

## Scale on paper

None of this was run on AWS. Calls, invocations and function seconds were measured on the local cloud
(`benchmarks/costs.py`), for requests of 32 rows and rows of 100 bytes. Prices are those of us-east-1
(`fanfold_core/app/prices.toml`, with date and sources). The dollars don't include the endpoint itself, which processes
2,500 rows per second: five instances, the template's maximum, with 500 each. [scale.py](../benchmarks/scale.py)
computes these tables.

{scale}

![Hours by rows](performance/scale.svg)

Compared with common alternatives:

{others}

- *SDK loop*: `predict_async` and `get_result` row by row, 20 ms per call. Each row costs two PUTs (its input and its
  output) and a GET. Threads divide the time, but not the dollars. The script has to handle failures itself.
- *[Batch Transform](https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformInput.html)*: you only pay
  for the instances and for S3. It splits files at line ends (`SplitType` Line), so a line break in a quoted cell breaks
  the row. A request holds at most `MaxPayloadInMB`, and a rejected request fails its file.
- *[Step Functions Distributed Map][map]*: at most 10,000 child executions at once, 100 million items in a run, and 10 GB
  in a CSV file. Each child costs two transitions at $0.025 per 1,000, and a function that calls the endpoint and waits,
  which is not in the price.

### Which limit is reached first

| limit | where it is reached |
|---|---|
| [instances for endpoint usage](https://docs.aws.amazon.com/general/latest/gr/sagemaker.html) (an account quota, often 0 \
for g types) | at once: they determine the wall-clock time |
| ten collectors at once (`MaximumConcurrency` in the template) | about 25,000 rows per second at 13 ms of function time \
per request |
| [Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): 1,000 concurrent executions per \
account and region, fewer in a new one | never by the template: it runs at most 42 |
| InvokeEndpointAsync calls per second (not documented) | throttled calls are retried more slowly; 2,500 rows per second \
are 78 calls |
| [DynamoDB on demand](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html): 40,000 write units \
per second and table; 1,000 per second and partition key | about 600,000 rows per second; each chunk has its own partition \
key, and the job's item is written once per chunk |
| [SQS](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html): 120,000 messages \
in flight per queue | collectors take 100 at a time, so 1,000 |
| [S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): 10,000 parts per upload, 48.8 TiB per object \
| parts grow with the file |
| a job's deadline: 336 hours, as long as a message is kept | 3 billion rows at 2,500 per second |
| a compressed file, which has no byte ranges | the text that a function decompresses within a minute: about 10 GB with \
gzip, 2 GB with xz, 500 MB with bzip2; upload larger files uncompressed |

[map]: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-orchestrate-large-scale-parallel-workloads.html
"""

MODELS = """
Measured on {day} with the software of Hugging Face's inference container ([what that is](models.md)), on two cores. All
sides of a ratio ran in turn, on the same core where they are rows per second: medians of four turns. `make bench-models`
measures all of it again and writes this part, in some ten minutes.

| what | against | found | goal | reached | script |
|---|---|---|---|---|---|
{table}

Rows per second from file to results are those of a whole job of 500 rows, from its upload to its results, with a local
cloud on the same core. The model has the size of DistilBERT (6 layers of 768) and random weights; half of the texts have up
to 17 tokens, the longest about 120. The loop has the file and the model at hand: it sorts by tokens, computes batches of
the best of three sizes, and writes nothing. The defaults are those of a model of the Hub for text classification, with `batch_size`
([ADR 29](adr/0029-batches-by-default.md)); those before had none.

Tokens are counted in English, cut from this documentation to the same lengths, as a WordPiece tokenizer splits it that was
trained on it. The dispatcher has no tokenizer: it sends rows by a length that it can know
([ADR 28](adr/0028-the-order-of-a-chunk.md)). The code of `fanfold model pack` has one, and batches by it.

Of the file with changed rows, every hundredth has changed since the job of the day before
([ADR 31](adr/0031-since.md)). What is left of a chunk of 10,000 rows seldom fills its last request, and its first row goes
alone: so with 32 rows per request the share of requests is above that of rows.

In the file with duplicates, 30 % of 100,000 rows have one of 20 texts. [models.md](models.md#find-the-settings) says how
`fanfold tune` chooses; the file has a million rows, of which it takes 512.

### Dollars with the endpoint

For a million such rows on an ml.c5.xlarge, whose four vCPUs have a worker each, and whose rows per second are taken for four
times those of the core above (rows per second there: {rates}). A vCPU is half a core, so that an instance may be slower,
for all alike. Not included: the time in which an instance starts, and the 15 minutes until an idle endpoint sleeps.

{dollars}

- *SDK loop*: `predict_async` and `get_result` row by row, 20 ms per call. One loop keeps one worker busy, and waits for its
  calls in between.
- *Batch Transform*: `SplitType` Line with one record per request, since the container's own code reads no file of several;
  four requests at once, at the price of an endpoint's instance.

"""

LIMITS = {
    "Fan-out, CPU per request": """\
**Fan-out compared with wrk.** wrk sends requests that were signed beforehand. Of Fanfold's 40 µs per request, a fifth
are system calls, one to send and one to receive, which wrk needs as well. A quarter is libcurl and its memory
allocations, a sixth the signature. The rest is Python: reading the CSV, names, JSON, headers. Deriving the signing key
once a day saved 11 µs. A connection for each handle, and fewer handles for fast servers, saved 6
([ADR 7](adr/0007-libcurl-for-one-call.md)); named tuples instead of frozen dataclasses saved 2. Anything faster would
need an extension module that signs and sends.""",
    "Fan-out, rows/s": """\
**Fan-out, rows per second.** This figure and the tweets are wall-clock time: the loop waits for its 20 ms whatever else
the machine does, while about 8,000 rows per second need half a core. Each wave of 500 requests waits for its last reply
before the ledger is updated. Without waves, 256 requests in flight would reach 12,800 rows per second.""",
    "Cutting": """\
**Cutting.** Large files are scanned with bit masks ([ADR 14](adr/0014-masks-for-large-files.md)): one bit per byte for
each of quote, delimiter and two line ends, created and combined by NumPy. This takes about 0.5 ns per byte for every
style of quoting. The rest is reading the file (0.1 ns), joining the bytes of each cut (0.1 ns), and windows that end
with a cut. The same loops with vector instructions in C would be four times as fast, but need a build for each
platform.""",
    "Assembling results.csv": """\
**Assembling.** A plain copy takes 1.3 µs per row. Fanfold copies a row's own text unchanged (0.2 µs) and writes three
more columns: it parses JSON (0.5 µs), formats values, above all numbers (0.4 µs), quotes them if necessary (0.4 µs),
and appends them to the row (0.1 µs). It also counts the statistics of the report (0.6 µs). Parts are built in parallel,
as many at once as there are functions, so jobs don't wait for a single process.""",
    "Cold start": """\
**Cold starts.** `import boto3` and one client, as pip installs them, take about 240 ms, 80 of them for the client. From
the layer the client takes 20, because the layer trims botocore's descriptions of AWS to what the functions read, and
doesn't check bytecode against its sources ([ADR 12](adr/0012-light-functions.md)). This leaves time for the description
of DynamoDB's tables (11 ms), SQS (3 ms), Powertools' logger and metrics (9 ms), libcurl in the dispatcher (5 ms), and a
function's own modules (35 ms, mostly half a millisecond for each frozen dataclass). Compared with the same client from
the trimmed layer, functions take 1.3 times as long. botocore without boto3 would save another 15 ms, but lacks the
table interface that the ledger uses.""",
    "1,798 tweets": """\
**Tweets.** The processes of the local cloud, mainly moto's, share two cores with the code that is measured.""",
}
