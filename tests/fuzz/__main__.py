"""python -m tests.fuzz: damaged files for every reader; each must be read or end in DataError, soon and in little memory.

Needs Linux. Findings stay in --out with the file that caused them. Exit code 1 if there is any.
"""

import argparse
import collections
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.child import case

PATIENCE, SLOW, MEMORY = 30.0, 10.0, 1024
"""Seconds until a case is called hung, seconds and megabytes that one may take."""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = seeds.collect(folder, seeds.default_kit())
        (Path(folder) / "seeds.txt").write_text("\n".join(map(str, paths)) + "\n", encoding="utf-8")
        counts, findings = hunt(Path(folder), options)
        contents = {path: path.read_bytes() for path in paths}
        for number, what in findings.items():
            path, data = case(paths, contents, options.seed, number)
            (options.out / f"{options.seed}-{number}{path.suffix}").write_bytes(data)
            print(f"case {number} ({path.name}): {what}")
    (options.out / "findings.json").write_text(json.dumps({"counts": counts, "findings": findings}, indent=1), encoding="utf-8")
    print(f"{sum(counts.values())} files from {len(paths)} seeds: {dict(counts)}; {len(findings)} findings")
    return int(bool(findings))


def hunt(folder, options):
    """Let children read for so long, from the first file on; -> ({kind of outcome: how often}, {case: what was wrong})."""
    counts, findings, number, end = collections.Counter(), {}, 0, None
    while end is None or time.monotonic() < end:
        running, number, end, trouble = watch(folder, options, number, end, counts, findings)
        if trouble and running is None:
            raise RuntimeError(f"the reading process does not start: {trouble[1]}")
        if trouble:
            findings[running] = trouble[0]
            counts["finding"] += 1
            number = running + 1
    return counts, findings


def watch(folder, options, number, end, counts, findings):
    """One child from case `number` on, until time is up or it stops; -> (case begun, next case, end, trouble or None)."""
    command = [sys.executable, "-m", "tests.fuzz.child", str(folder), str(options.seed), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in child.stdout] + [lines.put(None)], daemon=True).start()
        patience, running, trouble = 10 * PATIENCE, None, None  # the first answer waits for imports
        while trouble is None and (end is None or time.monotonic() < end):
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                line, trouble = None, ("hung", "no answer")
            if line is None:
                trouble = trouble or (f"ended the process with code {child.wait()}", child.stderr.read()[-2000:])
                continue
            end = end or time.monotonic() + 60 * options.minutes
            patience, entry = PATIENCE, json.loads(line)
            if "begin" in entry:
                running = entry["begin"]
                continue
            running, number = None, entry["case"] + 1
            counts[kind(entry)] += 1
            if complaint(entry):
                findings[entry["case"]] = complaint(entry)
        child.kill()
    return running, number, end, trouble


def kind(entry):
    """read, refused or finding."""
    if complaint(entry):
        return "finding"
    return "read" if "read" in entry["outcomes"] else "refused"


def complaint(entry):
    """What was wrong with a case; empty if nothing was."""
    wrong = [said for said in entry["outcomes"] if said not in ("read", "DataError")]
    wrong += [f"did {event}" for event in entry["forbidden"]]
    wrong += [f"took {entry['seconds']} s"] if entry["seconds"] > SLOW else []
    wrong += [f"took {entry['megabytes']:.0f} MB"] if entry["megabytes"] > MEMORY else []
    return "; ".join(wrong)


if __name__ == "__main__":
    sys.exit(main())
