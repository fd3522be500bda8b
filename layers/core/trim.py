"""Leave of botocore's descriptions of AWS what the functions read: their services, without words for people.

    python trim.py FOLDER SERVICE…

FOLDER is `botocore/data`. Every cold start reads these files; making the first client takes a quarter of the time then.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def trim(data: Path, services: set[str]) -> None:
    """Trim botocore's data folder in place. What an unpacked file takes, the layer's archive packs again."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in services:
            shutil.rmtree(folder)
    prefixes: dict[str, str] = {}
    for packed in data.rglob("*.json.gz"):
        description = without_words(json.loads(gzip.decompress(packed.read_bytes())))
        if packed.name == "service-2.json.gz":
            prefixes[description["metadata"]["endpointPrefix"]] = packed.parts[-3]
        write(packed.with_suffix(""), description)
        packed.unlink()
    if unknown := services - set(prefixes.values()):
        sys.exit(f"{data} describes no {', '.join(sorted(unknown))}: is each spelt as boto3 spells it?")
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: found for name, found in partition["services"].items() if name in prefixes}
    write(data / "endpoints.json", endpoints)


def without_words(value: Any) -> Any:
    """The value, where every text that is called `documentation` is empty; a member of that name is no text."""
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(inner, str) else without_words(inner)
            for name, inner in value.items()
        }
    return [without_words(inner) for inner in value] if isinstance(value, list) else value


def write(file: Path, value: Any) -> None:
    """Write compact JSON."""
    file.write_text(json.dumps(value, separators=(",", ":")))


if __name__ == "__main__":
    trim(Path(sys.argv[1]), set(sys.argv[2:]))
