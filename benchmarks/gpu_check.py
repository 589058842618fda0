"""`make gpu-check`: everything about the GPU that can be checked and measured, in one run of a few minutes.

    python benchmarks/gpu_check.py [--only "rasterizer" ...] [--without PyTorch training] [--minutes 5] [--out FOLDER]

Checks run in a process of their own, because a GPU that met one bad address refuses everything after it. When a check fails with
more than a wrong number, takes too long, or ends its process, that is noted, and a new process goes on with the next one. After
each check the file benchmarks/gpu/<device>.json is written anew, and a Markdown table beside it. Without a GPU: exit code 4.
PyTorch's rows need PyTorch for CUDA; torch.compile may take minutes: --without compiled leaves it out.
"""

import argparse
import datetime
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, fields, replace
from pathlib import Path

import gpu_common
import gpu_report

from mgcbook import __version__
from mgcbook.arrays import check_device
from mgcbook.errors import ResourceError
from mgcbook.files import atomic_write
from mgcbook.kernels.about import describe_gpu

MODULES = ("gpu_first", "gpu_faces", "gpu_speed", "gpu_torch", "gpu_training")
HERE = Path(__file__).parent
BUDGET, LEAST = 8.0, 1.0
"""Minutes of the whole run, and of its training at the least, which comes last and takes what is left."""
ADVICE = "In this folder: make setup EXTRAS=test,notebooks,cuda13 (or cuda12), then make gpu-check"
BROKEN = 17
"""Exit code of a process that should not go on."""


def main(args=None):
    """Returns the exit code: 0 all is well, 1 something failed, 2 usage, 4 no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], help="names or sections of checks")
    parser.add_argument("--without", nargs="+", default=[], help="names or sections to leave out")
    parser.add_argument("--minutes", type=float, help="of training; by default what is left of eight, five at the most")
    parser.add_argument("--out", type=Path, default=HERE / "gpu")
    parser.add_argument("--list", action="store_true", help="name the checks")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=json.loads, default={}, help=argparse.SUPPRESS)
    options = parser.parse_args(args)
    if options.list:
        print("\n".join(f"{section:<12} {name}" for section, name in listed()))
        return 0
    try:
        check_device("cuda")
    except ResourceError as error:
        print(f"gpu-check: {error}\n{ADVICE}", file=sys.stderr)
        return 4
    for module in MODULES:
        importlib.import_module(module)
    sizes = gpu_common.Sizes(**options.sizes)
    if options.child:
        return run_here(options.only, sizes, options.child)
    wanted = lambda check: not options.only or {check.name, check.section} & set(options.only)
    names = [name for name, check in gpu_common.CHECKS.items()
             if wanted(check) and not {name, check.section} & set(options.without)]  # fmt: skip
    if not names:
        print(f"gpu-check: expected some of {', '.join(gpu_common.CHECKS)}, got {', '.join(options.only)}", file=sys.stderr)
        return 2
    machine = about()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results = run_all(names, sizes, options, lambda results: write(options.out, machine, results, sizes))
    found = gpu_report.goals(results, machine["device"], sizes == replace(gpu_common.Sizes(), minutes=sizes.minutes))
    for goal in found:
        print(f"{'goal' if goal.reached else 'MISS'} {goal.name}: {goal.value:.3g}, wanted {goal.limit:g}")
    failed = [name for name, result in results.items() if not result["ok"]]
    print(f"{len(results) - len(failed)} of {len(results)} checks passed" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def listed():
    """(section, name) of every check whose libraries are here."""
    for module in MODULES:
        importlib.import_module(module)
    return [(check.section, name) for name, check in gpu_common.CHECKS.items()]


def about():
    """What the figures depend on; -> dict of short strings, the device first."""
    _, found = describe_gpu()
    name = found.split(", driver")[0].split(" x ")[-1]
    versions = {"mgcbook": __version__, "Python": platform.python_version()}
    return {"device": name, "found": found, "date": datetime.date.today().isoformat(), **versions}


# ---------------------------------------------------------------- the process that checks


def run_here(names, sizes, path):
    """Run checks in this process, and write a line for each beginning and each end; returns the exit code."""
    with path.open("a", encoding="utf-8") as file:
        tell = lambda **what: (file.write(json.dumps(what, default=float) + "\n"), file.flush())
        for name in names:
            tell(begins=name)
            result = try_one(gpu_common.CHECKS[name], sizes)
            tell(ends=name, **result)
            if result["broken"]:
                return BROKEN
    return 0


def try_one(check, sizes):
    """The result of one check, whatever happens: {"ok", "text", "numbers", "seconds", "broken"}."""
    start, numbers, broken = time.perf_counter(), {}, False
    try:
        text, numbers = check.function(sizes)
        ok = True
    except AssertionError as error:  # a wrong number: the device is well
        ok, text = False, str(error) or "not as expected"
    except Exception as error:  # the next check should not inherit whatever this one left behind
        ok, broken, text = False, True, f"{type(error).__name__}: {error}"
    return {"ok": ok, "text": text, "numbers": numbers, "seconds": round(time.perf_counter() - start, 1), "broken": broken}


# ---------------------------------------------------------------- the process that watches


def run_all(names, sizes, options, after):
    """Run checks in processes of their own, one process as long as it goes well; -> name -> result, in order.

    Args:
        names: of `gpu_common.CHECKS`.
        options: has `minutes`.
        after: called with the results after each check.
    """
    start, results, left = time.monotonic(), {}, list(names)
    path = HERE.parent / "runs" / f"gpu-check-{os.getpid()}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("", encoding="utf-8")
    try:
        while left:
            passed = (time.monotonic() - start) / 60
            minutes = min(sizes.minutes, max(LEAST, BUDGET - passed - 0.5)) if options.minutes is None else options.minutes
            # The training, which comes last, is told how long: it has a process of its own.
            trains = [name for name in left if gpu_common.CHECKS[name].section == "training"]
            now = [name for name in left if name not in trains] or trains
            for name, result in watched(now, replace(sizes, minutes=minutes), path):
                results[name] = {"section": gpu_common.CHECKS[name].section, **result}
                print(f"{'ok  ' if result['ok'] else 'FAIL'} {name} ({result['seconds']:.0f} s): {result['text']}", flush=True)
                after(results)
                left.remove(name)
    finally:
        path.unlink(missing_ok=True)
    return results


def watched(names, sizes, path):
    """Results of checks in one process until it ends; at least one is given. A generator of (name, result)."""
    read = len(path.read_text(encoding="utf-8").splitlines())
    command = [sys.executable, str(HERE / "gpu_check.py"), "--child", str(path), "--sizes", json.dumps(asdict(sizes))]
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command += ["--only", *names]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stderr=said, env=environment) as process:
        at, since, given = names[0], time.monotonic(), 0
        while True:
            is_over = process.poll() is not None
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            for line in (line for line in lines[read:] if line.endswith("\n")):
                read, told = read + 1, json.loads(line)
                if "begins" in told:
                    at, since = told["begins"], time.monotonic()
                else:
                    name, at = told.pop("ends"), None
                    told.pop("broken")
                    given += 1
                    yield name, told
            if is_over and (at or not given):
                said.seek(0)
                last = " ".join(said.read().strip().splitlines()[-1:])
                yield at or names[0], lost(since, f"the process ended with {process.returncode}: {last}")
            if is_over:
                return
            if at and time.monotonic() - since > gpu_common.CHECKS[at].seconds:
                process.kill()
                process.wait()
                yield at, lost(since, f"ended after {gpu_common.CHECKS[at].seconds:.0f} seconds")
                return
            time.sleep(0.1)


def lost(since, text):
    """The result of a check that did not give one."""
    return {"ok": False, "text": text, "numbers": {}, "seconds": round(time.monotonic() - since, 1)}


def write(folder, machine, results, sizes):
    """<device>.json and <device>.md, whole or not at all; returns the path of the first."""
    slug = "-".join("".join(c if c.isalnum() else " " for c in machine["device"].lower()).split())
    full = sizes == replace(gpu_common.Sizes(), minutes=sizes.minutes)
    found = gpu_report.goals(results, machine["device"], full)
    known = {field.name: getattr(sizes, field.name) for field in fields(sizes)}
    content = {"machine": machine, "sizes": known, "goals": [goal.as_dict() for goal in found], "checks": results}
    path = Path(folder) / f"{slug}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, text in ((path, json.dumps(content, indent=1, default=float) + "\n"),
                       (path.with_suffix(".md"), gpu_report.markdown(machine, results, found))):  # fmt: skip
        with atomic_write(name) as file:
            file.write(text.encode())
    return path


if __name__ == "__main__":
    sys.exit(main())
