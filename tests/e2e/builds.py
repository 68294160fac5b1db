"""Other builds of the consumer: an older commit's, or this one's with one safety mechanism taken out."""

import subprocess
from pathlib import Path

from stack import ROOT
from wait import Failure

BINARY = "oltp-olap-sync"


def run(*command: object, seconds: float = 300, cwd: Path | None = None) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False,
                          cwd=cwd)
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


def built_without(safeguard: str, folder: Path) -> Path:
    """The build that knows safeguards by name (consumer/base/safeguard.h), and one of them out."""
    sources = ROOT.glob("consumer/**/*.[ch]")
    if not any(f'"{safeguard}"' in source.read_text() for source in sources):
        raise Failure(f"no point of the sources has this name: {safeguard}")
    run("cmake", "--preset", "mutations", cwd=ROOT)
    run("cmake", "--build", "--preset", "mutations", "--target", BINARY, cwd=ROOT)
    script = folder / safeguard.replace(" ", "-")
    script.write_text(f"#!/bin/sh\nSAFEGUARDS_OUT='{safeguard}' exec {ROOT}/build/mutations/{BINARY} \"$@\"\n")
    script.chmod(0o755)
    return script
