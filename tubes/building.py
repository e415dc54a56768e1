"""Builds the tubes of many videos: in several processes, and again only where something changed."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from data import Detections, InputError, ProgressBar, VideoTubes, progress
from data.tube_arrays import load_tube_arrays, made_from, save_tube_arrays
from tubes.fusion import FusedDetections, fuse, mean_fusion
from tubes.settings import TubeSettings
from tubes.tube_builder import build_tubes


@dataclass(frozen=True)
class Job:
    """What the tubes of one video are made of.

    Attributes:
        base: File of detections.
        top: File of the detections of a second stream.
        fusion: How they are joined, a name of `tubes.FUSIONS`.
        settings: Settings of linking and trimming.
        target: File for the tubes.
    """

    base: Path
    top: Path | None
    fusion: str
    settings: TubeSettings
    target: Path

    @property
    def made_from(self) -> str:
        """Everything that decides what the tubes are; tubes that say the same are up to date."""
        files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in self.files]
        fusion = self.fusion if self.top else None
        program = version("action-tubes")
        return json.dumps([program, files, fusion, asdict(self.settings)])

    @property
    def files(self) -> list[Path]:
        """The files of detections."""
        return [self.base, self.top] if self.top else [self.base]

    def run(self) -> VideoTubes:
        """Builds the tubes and writes them.

        Raises:
            InputError: A file is wrong, or the streams do not fit.
        """
        said = self.made_from
        streams = [Detections.load(path) for path in self.files]
        names = " and ".join(map(str, self.files))
        try:
            detections: Detections | FusedDetections = streams[0]
            if self.top and self.fusion == "mean":
                detections = mean_fusion(streams[0], streams[1])
            elif self.top:
                detections = fuse(streams[0], streams[1], self.fusion, self.settings)
            video = build_tubes(detections, self.settings)
        except ValueError as error:
            raise InputError(f"{names}: {error}") from None
        save_tube_arrays(self.target, [video], said)
        return video


def run_jobs(jobs: Sequence[Job], workers: int, overwrite: bool) -> Iterator[VideoTubes]:
    """Yields the tubes of each job in order; those that are up to date are read, not built.

    Args:
        jobs: What to build.
        workers: In how many processes.
        overwrite: Build all anew.

    Raises:
        InputError: As `Job.run`.
    """
    bar: ProgressBar[VideoTubes] = progress(total=len(jobs), description="videos", unit="video")
    with bar:
        if workers == 1:
            for job in jobs:
                yield _result(job, overwrite)
                bar.update()
            return
        # A started process is clean: one that is forked inherits threads that do not run in it.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            waiting = [pool.submit(_result, job, overwrite) for job in jobs]
            try:
                for future in waiting:
                    yield future.result()
                    bar.update()
            finally:
                pool.shutdown(cancel_futures=True)


def _result(job: Job, overwrite: bool) -> VideoTubes:
    if not overwrite and job.target.exists() and made_from(job.target) == job.made_from:
        return load_tube_arrays(job.target)[0]
    return job.run()
