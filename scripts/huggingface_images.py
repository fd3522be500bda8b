#!/usr/bin/env python3
"""Write the Hugging Face inference containers into template.yaml: `scripts/huggingface_images.py`.

Which account holds them in which region, and how the newest one is tagged, is kept by the SageMaker Python SDK; it
is downloaded for that, and the part that is needed stays in huggingface_images.json beside this file.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import boto3

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
IMAGES = Path(__file__).with_suffix(".json")
# The last major version that carries the containers as plain data.
SDK = "sagemaker<3"
DATA = "sagemaker/image_uri_config/huggingface.json"
REPOSITORY = "huggingface-pytorch-inference"
BLOCK = re.compile(
    r"(?<=# begin: scripts/huggingface_images\.py\n).*(?=  # end: scripts/huggingface_images\.py\n)", re.DOTALL
)


def download() -> dict[str, Any]:
    """The SDK's description of the Hugging Face containers."""
    with TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", folder, SDK], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with ZipFile(wheel) as archive:
            found: dict[str, Any] = json.loads(archive.read(DATA))
            return found


def choose(described: dict[str, Any]) -> dict[str, Any]:
    """The newest PyTorch container, and where there is none.

    {"registries": {region: account}, "without": [region], "tags": {"cpu": …, "gpu": …}}
    """
    versions = described["inference"]["versions"]
    transformers = max(versions, key=_numbers)
    frameworks = [name for name in versions[transformers] if name.startswith("pytorch")]
    framework = max(frameworks, key=_numbers)
    newest = versions[transformers][framework]
    if newest["repository"] != REPOSITORY:
        sys.exit(f"The containers are in {newest['repository']} now: change the name here and in template.yaml.")
    prefix = f"{framework.removeprefix('pytorch')}-transformers{transformers}"
    python = max(newest["py_versions"], key=_numbers)
    system = newest["container_version"]
    tags = {processor: f"{prefix}-{processor}-{python}-{system[processor]}" for processor in ("cpu", "gpu")}
    registries = dict(sorted(newest["registries"].items()))
    return {"registries": registries, "without": sorted(sagemaker_regions() - registries.keys()), "tags": tags}


def sagemaker_regions() -> set[str]:
    """The regions, of all partitions, in which this boto3 knows SageMaker."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return {region for it in partitions for region in session.get_available_regions("sagemaker", partition_name=it)}


def render(images: dict[str, Any]) -> str:
    """Two of the template's mappings.

    Example:
        >>> registries = {"us-east-1": "763104351884"}
        >>> print(render({"registries": registries, "without": ["mx-central-1"], "tags": {"cpu": "2.6.0-cpu"}}))
          HuggingFaceRegistry:
            us-east-1: { Account: "763104351884" }
            mx-central-1: { Account: none }
          HuggingFaceImage:
            cpu: { Tag: 2.6.0-cpu }
    """
    registries = [f'    {region}: {{ Account: "{account}" }}' for region, account in images["registries"].items()]
    registries += [f"    {region}: {{ Account: none }}" for region in images["without"]]
    tags = [f"    {processor}: {{ Tag: {tag} }}" for processor, tag in images["tags"].items()]
    return "\n".join(["  HuggingFaceRegistry:", *registries, "  HuggingFaceImage:", *tags, ""])


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


if __name__ == "__main__":
    chosen = choose(download())
    IMAGES.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    TEMPLATE.write_text(BLOCK.sub(render(chosen), TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{len(chosen['registries'])} regions; {' and '.join(chosen['tags'].values())}")
