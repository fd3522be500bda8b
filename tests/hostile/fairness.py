"""Small jobs beside a giant on a local cloud: how long they take alone, all at once, and when the giant came first.

`python -m tests.hostile.fairness [--giant 40000] [--small 20] [--rows 20]` prints a table, and what it comes to:
seconds from the upload of a small job to its end. Meanwhile: what waits in the endpoint's queue and in SQS. It fails if
the last small job takes longer than twice what all of them take without the giant, and one alone: the giant may have
half of the machine, and no more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold import Fanfold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fanfold import Job


def write(folder: Path, name: str, rows: int) -> Path:
    """A file of so many short rows."""
    file = folder / f"{name}.csv"
    file.write_text("text\n" + "".join(f"so good {number} {name}\n" for number in range(rows)), encoding="utf-8")
    return file


def depths(fanfold: Fanfold) -> str:
    """What waits where: messages that are visible, and those that are in hand."""
    cloud = fanfold._connection._cloud  # noqa: SLF001 # nobody else sees its queues
    assert cloud is not None
    sqs = cloud.session().client("sqs")
    found = [f"endpoint {cloud._services.endpoint.load(cloud.stack_name).waiting}"]  # noqa: SLF001 # likewise
    for url in sorted(cloud._functions.queue_urls):  # noqa: SLF001 # likewise
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        visible, held = counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]
        found.append(f"{url.rpartition('/')[2].split('-')[1].removesuffix('Queue')} {visible}+{held}")
    return ", ".join(found)


def ends(fanfold: Fanfold, jobs: Sequence[tuple[float, Job]], giant: Job | None) -> list[float]:
    """Seconds from the upload of each job to its end, as they end."""
    waiting, took = list(jobs), []
    while waiting:
        for pair in list(waiting):
            began, job = pair
            ended = job.status().ended
            if ended is not None:
                took.append(ended.timestamp() - began)
                waiting.remove(pair)
        if giant is not None:
            print(f"  {len(took):3} ended; the giant has {giant.status().done} rows done; {depths(fanfold)}")
        time.sleep(0.5)
    return took


def main() -> int:
    """Run it; 1 if a small job has waited for the giant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--giant", type=int, default=40_000)
    parser.add_argument("--small", type=int, default=20)
    parser.add_argument("--rows", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Fanfold(local=True) as fanfold:
        folder = Path(name)
        files = [write(folder, f"small-{number}", chosen.rows) for number in range(chosen.small)]
        alone = [
            ends(fanfold, [(time.time(), fanfold.submit(write(folder, f"alone-{number}", chosen.rows)))], None)[0]
            for number in range(3)
        ]
        together = ends(fanfold, [(time.time(), fanfold.submit(file)) for file in files], None)
        giant = fanfold.submit(write(folder, "giant", chosen.giant))
        while giant.status().done < chosen.giant // 20:
            time.sleep(0.2)
        beside = ends(fanfold, [(time.time(), fanfold.submit(file)) for file in files], giant)
    print(f"{'seconds':24}{'jobs':>8}{'first':>8}{'median':>8}{'last':>8}")
    for what, took in (("alone, one by one", alone), ("all at once", together), ("beside a giant", beside)):
        shown = (min(took), statistics.median(took), max(took))
        print(f"{what:24}{len(took):8}" + "".join(f"{seconds:8.1f}" for seconds in shown))
    bound = 2 * (max(together) + statistics.median(alone))
    print(
        f"a giant job before {chosen.small} small ones: the last took {max(beside):.1f} s, of {bound:.1f} s at most: "
        f"twice the {max(together):.1f} s without the giant and the {statistics.median(alone):.1f} s of one alone"
    )
    return 0 if max(beside) <= bound else 1


if __name__ == "__main__":
    sys.exit(main())
