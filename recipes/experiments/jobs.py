"""Shards of an experiment as jobs of a cluster, or as processes of this machine."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from zoo.layers.arguments import one_of, positive_int
from zoo.recipes.experiments.experiment import Row
from zoo.recipes.experiments.planning import plan
from zoo.recipes.experiments.reproduce import merge, reproduce
from zoo.recipes.reporting.command import command, commanded_by

EXECUTORS = ("submitit", "local")
_DEVICES = "CUDA_VISIBLE_DEVICES"


def reproduce_in_jobs(
    name: str,
    out: str | Path,
    *,
    executor: str,
    shards: int,
    job: dict[str, Any] | None = None,
    **options: Any,
) -> list[Row]:
    """Run the shards of an experiment as jobs, wait for all of them, and merge their rows.

    The same call goes on with what is missing. Jobs on SLURM outlive this process: `merge` puts their rows together
    later. Processes of this machine are stopped with it by Ctrl-C, and see the devices it sees, all of them the same,
    unless `job` has `gpus_per_node`.

    Args:
        name: Name of an experiment.
        out: Folder on a disk that all machines see; submitit's files, with what jobs print, lie in `out/jobs`.
        executor: "submitit" takes SLURM where it is, else processes of this machine; "local" always these.
        shards: Positive int, number of jobs.
        job: Parameters of submitit's `AutoExecutor`: `timeout_min`, `slurm_partition`, `cpus_per_task`, ...
        **options: Those of `reproduce`.

    Returns:
        All rows in `out/results.jsonl`.

    Raises:
        ValueError: Before anything is submitted, if an argument is out of range, or `out` holds something else.
        FileNotFoundError: Before anything is submitted, if the data are not there.
        RuntimeError: If a job ended before its shard was finished; the message names its log.
        ModuleNotFoundError: If submitit is not installed.
    """
    one_of("executor", executor, EXECUTORS)
    submitit, out, job = _submitit(), Path(out), job or {}
    numbers = range(1, positive_int("shards", shards) + 1)
    plan(name, out, shards=shards, **options)
    python = None if {"gpus_per_node", "local_gpus_per_node"} & {*job} else _python()
    auto = submitit.AutoExecutor(out / "jobs", cluster="local" if executor == "local" else None, local_python=python)
    # Hours, unless somebody says how many: submitit's own limit is five minutes.
    auto.update_parameters(**{"name": f"zoo-{name}", "timeout_min": 24 * 60, **job})
    with auto.batch():
        jobs = [auto.submit(_shard, command(), name, out, f"{number}/{shards}", options) for number in numbers]
    ids = ", ".join(one.job_id for one in jobs)
    print(f"Jobs {ids}; they print to {out / 'jobs'}", flush=True)
    try:
        failed = [f"{n}/{shards} ({_reason(one)})" for n, one in zip(numbers, jobs, strict=True) if one.exception()]
    except BaseException:  # somebody asked to stop, and the jobs may go on
        print(f"Jobs {ids} may go on; `zoo reproduce {name} --out {out} --merge` puts their rows together", flush=True)
        raise
    if failed:
        raise RuntimeError(f"Shards {', '.join(failed)} ended early; the same command runs what is missing")
    return merge(name, out)


def _shard(sender: str, name: str, out: Path, shard: str, options: dict[str, Any]) -> list[Row]:
    """Make a shard in a job, on behalf of the command that sent it."""
    with commanded_by(sender):
        return reproduce(name, out, shard=shard, **options)


def _python() -> str:
    """Command of Python that sees this process's devices: submitit hides all from local processes that ask for none."""
    devices = os.environ.get(_DEVICES)
    given = ["-u", _DEVICES] if devices is None else [f"{_DEVICES}={devices}"]
    return shlex.join(["env", *given, sys.executable])


def _reason(job) -> str:
    last = [line for line in str(job.exception()).splitlines() if line.strip()]
    return f"job {job.job_id}: {last[-1].strip() if last else 'no message'}; {job.paths.stderr}"


def _submitit():
    try:
        import submitit  # an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "--executor needs submitit: pip install 'coinflip-zoo[slurm]'", name=error.name
        ) from None
    return submitit
