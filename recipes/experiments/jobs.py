"""Shards of an experiment as jobs of a cluster, or as processes of this machine."""

from pathlib import Path
from typing import Any

from zoo.layers.arguments import one_of, positive_int
from zoo.recipes.experiments.experiment import Row
from zoo.recipes.experiments.reproduce import merge, reproduce

EXECUTORS = ("submitit", "local")


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

    The same call goes on with what is missing. Jobs outlive this process: `merge` puts their rows together later.

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
        ValueError: If an argument is out of range, or a shard refuses its settings.
        RuntimeError: If a job ended before its shard was finished; the message names its log.
        ModuleNotFoundError: If submitit is not installed.
    """
    one_of("executor", executor, EXECUTORS)
    submitit, out = _submitit(), Path(out)
    numbers = range(1, positive_int("shards", shards) + 1)
    auto = submitit.AutoExecutor(out / "jobs", cluster="local" if executor == "local" else None)
    # Hours, unless somebody says how many: submitit's own limit is five minutes.
    auto.update_parameters(**{"name": f"zoo-{name}", "timeout_min": 24 * 60, **(job or {})})
    with auto.batch():
        jobs = [auto.submit(reproduce, name, out, shard=f"{number}/{shards}", **options) for number in numbers]
    print(f"Jobs {', '.join(one.job_id for one in jobs)}; they print to {out / 'jobs'}", flush=True)
    failed = [f"{n}/{shards} ({_reason(one)})" for n, one in zip(numbers, jobs, strict=True) if one.exception()]
    if failed:
        raise RuntimeError(f"Shards {', '.join(failed)} ended early; the same command runs what is missing")
    return merge(name, out)


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
