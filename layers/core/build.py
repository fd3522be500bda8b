"""Build one of template.yaml's layers for Lambda with nothing but pip, on any machine and any Python from 3.11 on.

    python build.py LAYER FOLDER

FOLDER/python becomes /opt/python. `sam build` calls this by the Makefile, `fanfold deploy` by itself.

One build is for both of Lambda's architectures: the packages are pure Python but for a few extension modules, whose
file names carry the architecture (those of pycurl's libraries, a hash), so both lie side by side and the interpreter
picks its own. Those for any version of Python (`.abi3.so`) get such a name here. No build has to match the template's
Architecture parameter, and none needs Docker.

Two builds of one commit are the same, byte by byte, with the same access rights and times.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from trim import trim

HERE = Path(__file__).resolve().parent
LAMBDA_PYTHON = "3.13"
ARCHITECTURES = ("x86_64", "aarch64")
# What Lambda's glibc (2.34) runs, and pip doesn't infer from each other.
PLATFORMS = ("manylinux2014", "manylinux_2_24", "manylinux_2_28")
# The services the functions call: botocore's descriptions of the other 400, and all documentation, stay at home.
SERVICES = {"dynamodb", "events", "s3", "sagemaker", "sagemaker-runtime", "sns", "sqs"}
REQUIREMENTS = {"CoreLayer": "src/requirements.txt", "NumpyLayer": "numpy.txt", "ParquetLayer": "parquet.txt"}
ANY_PYTHON = ".abi3.so"
# The first year of a zip.
YEAR_1980 = 315_532_800


def main(layer: str, folder: Path, *, is_bytecode_optional: bool) -> None:
    """Build the layer in a folder that is not there yet, or empty."""
    # Asked before anything is downloaded.
    compiler = find_compiler()
    if compiler is None and not is_bytecode_optional:
        sys.exit(f"The layers need Python {LAMBDA_PYTHON} to be compiled: install it as python{LAMBDA_PYTHON}.")
    target = folder / "python"
    install(HERE / REQUIREMENTS[layer], target)
    if layer == "CoreLayer":
        shutil.copytree(
            HERE / "src/fanfold_core", target / "fanfold_core", ignore=shutil.ignore_patterns("__pycache__")
        )
        trim(target / "botocore/data", SERVICES)
        shutil.rmtree(target / "boto3/examples")
        shutil.rmtree(target / "jsonschema/benchmarks")
    for tests in [path for path in target.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests)
    if compiler is None:
        print("without bytecode")  # noqa: T201 - to whoever has called this script
    else:
        write_bytecode(compiler, target)
    make_the_same(target)


def find_compiler() -> list[str] | None:
    """The command of Lambda's version of Python, whose processor doesn't matter; None if there is none."""
    candidates = ([sys.executable], [f"python{LAMBDA_PYTHON}"])
    version = "import sys; print(sys.implementation.cache_tag)"
    for command in candidates:
        try:
            asked = subprocess.run(
                [*command, "-c", version], env=of_pyenv(), capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            continue
        if asked.stdout.strip() == f"cpython-{LAMBDA_PYTHON.replace('.', '')}":
            return command
    return None


def of_pyenv() -> dict[str, str]:
    """The environment in which pyenv runs Lambda's version as that is called."""
    return {**os.environ, "PYENV_VERSION": LAMBDA_PYTHON}


def install(requirements: Path, target: Path) -> None:
    """What is required, for every architecture, in one folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pinned = ["--require-hashes", "--only-binary=:all:", "--python-version", LAMBDA_PYTHON]
    with tempfile.TemporaryDirectory() as temporary:
        for architecture in ARCHITECTURES:
            folder = Path(temporary, architecture)
            platforms = [f"--platform={platform}_{architecture}" for platform in PLATFORMS]
            command = [*pip, *pinned, *platforms, "--requirement", str(requirements), "--target", str(folder)]
            if code := subprocess.run(command, check=False).returncode:
                sys.exit(code)
            name_by_architecture(folder, architecture)
            shutil.copytree(folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(target / "bin", ignore_errors=True)


def name_by_architecture(folder: Path, architecture: str) -> None:
    """Rename extension modules for any version of Python as those for Lambda's are called."""
    for module in folder.rglob(f"*{ANY_PYTHON}"):
        of_one = f".cpython-{LAMBDA_PYTHON.replace('.', '')}-{architecture}-linux-gnu.so"
        module.rename(module.with_name(module.name.removesuffix(ANY_PYTHON) + of_one))


def write_bytecode(compiler: list[str], target: Path) -> None:
    """Compile all modules, whose bytecode is then never compared with its source: zips lose times.

    /opt is read-only: without bytecode each cold start compiles everything anew, which takes twice as long as importing
    it (0.75 s instead of 0.33 s). Only Lambda's own version writes what it can read.
    """
    how = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/opt/python"]
    subprocess.run([*compiler, *how, str(target)], env=of_pyenv(), check=True)


def make_the_same(target: Path) -> None:
    """What differs between machines and hours is made the same."""
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for path in (*target.rglob("*"), target):
        os.utime(path, (YEAR_1980, YEAR_1980))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("layer", choices=sorted(REQUIREMENTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--bytecode-optional",
        action="store_true",
        help=f"without Python {LAMBDA_PYTHON}, leave the modules uncompiled, and say so",
    )
    given = parser.parse_args()
    main(given.layer, given.folder, is_bytecode_optional=given.bytecode_optional)
