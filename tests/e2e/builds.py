"""Other builds of the consumer: an older commit's, or this one's with one safety mechanism taken out."""

import shutil
import subprocess
from pathlib import Path

from stack import ROOT
from wait import Failure

BINARY = "oltp-olap-sync"


def run(*command: object, seconds: float = 300) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise Failure(f"{command[0]} failed: {(done.stdout + done.stderr)[-800:]}")


def build(tree: Path) -> Path:
    run("cmake", "-S", tree, "-B", tree / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DWERROR=OFF")
    run("cmake", "--build", tree / "build", "--target", BINARY)
    return tree / "build" / BINARY


def built_at(commit: str, folder: Path) -> Path:
    """Needs the history: a shallow clone has it not."""
    tree = folder / f"source-{commit}"
    tree.mkdir()
    run("git", "-C", ROOT, "archive", "-o", tree / "source.tar", commit)
    run("tar", "-xf", tree / "source.tar", "-C", tree)
    return build(tree)


def built_without(name: str, file: str, old: str, new: str, folder: Path) -> Path:
    """The sources with one text changed, which must be there exactly once."""
    tree = folder / f"source-{name}"
    for part in ("consumer", "tests", "schemas"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("run", "__pycache__"))
    shutil.copy(ROOT / "CMakeLists.txt", tree)
    path = tree / file
    text = path.read_text()
    if text.count(old) != 1:
        raise Failure(f"the text to change stands {text.count(old)} times in {file}: {old.strip()[:60]}")
    path.write_text(text.replace(old, new))
    return build(tree)
