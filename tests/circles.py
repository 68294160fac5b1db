#!/usr/bin/env python3
"""Finds circles among the C files of a folder: files that call each other, straight or through others.

    tests/circles.py FOLDER...

Compiles each file and asks nm who defines which function (or variable), and who uses it. Prints a shortest circle for
each file that is in one, with the names, and exits with 1 if there is any. To see that: let a file of the folder call
a function of a file that includes its header.
"""
import collections
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMPILE = ['gcc', '-std=gnu17', '-D_GNU_SOURCE', '-c', '-I', ROOT / 'consumer', '-I/usr/include/postgresql']


def symbols(source: pathlib.Path, folder: str) -> tuple:
    """The names that the file defines for others, and those that it takes from others."""
    compiled = pathlib.Path(folder) / (source.stem + '.o')
    subprocess.run([*COMPILE, source, '-o', compiled], check=True)
    lines = subprocess.run(['nm', '-g', '-P', compiled], check=True, capture_output=True, text=True).stdout.splitlines()
    names = [line.split()[:2] for line in lines]
    return {name for name, kind in names if kind != 'U'}, {name for name, kind in names if kind == 'U'}


def calls(sources: list) -> dict:
    """For each file: the files that it calls, and by which name."""
    with tempfile.TemporaryDirectory() as folder:
        found = {source.name: symbols(source, folder) for source in sources}
    defined_in = {name: file for file, (defined, _) in found.items() for name in defined}
    return {file: {defined_in[name]: name for name in sorted(used) if name in defined_in}
            for file, (_, used) in found.items()}


def circle(graph: dict, start: str) -> list:
    """The shortest way from start back to it, as [(file, name called)...]; empty: there is none."""
    ways = collections.deque([[(start, '')]])
    seen = set()
    while ways:
        way = ways.popleft()
        for file, name in graph[way[-1][0]].items():
            if file == start:
                return [*way, (file, name)]
            if file not in seen:
                seen.add(file)
                ways.append([*way, (file, name)])
    return []


def main() -> int:
    found = False
    for folder in sys.argv[1:]:
        sources = sorted(pathlib.Path(folder).glob('*.c'))
        if not sources:
            print(f'{folder} has no C files')
            return 1
        graph = calls(sources)
        told = set()
        for file in graph:
            way = [] if file in told else circle(graph, file)
            told |= {step for step, _ in way}
            if way:
                found = True
                steps = [f'{caller} calls {name} of {callee}' for (caller, _), (callee, name) in zip(way, way[1:])]
                print(f'{folder}: a circle: {", ".join(steps)}')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
