"""Clips of frame databases: what becomes of damaged ones, and that reading stays bounded."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from data import ClipFrames, InputError, ListedVideo, clip_frames, frame_database
from recognition import InputFormat, SegmentSampling, training_transform
from recognition.clips import Clips
from tests.data.test_frame_database import KEYED, SCHEMA, jpeg, write_database
from training.loading import load

FRAMES = 12
WHOLE = [jpeg(number) for number in range(1, FRAMES + 1)]
CUT = [*WHOLE[:6], WHOLE[6][:200], *WHOLE[7:]]


def database(root: Path, number: int, schema: str = KEYED, contents=WHOLE) -> ListedVideo:
    folder = write_database(root / f"video {number}", range(1, FRAMES + 1), contents, schema)
    return ListedVideo(folder.name, folder, number)


def clips(videos: list[ListedVideo], segments: int = FRAMES, *, skip_bad: bool = False) -> Clips:
    sampling = SegmentSampling("random", segments)
    transform = training_transform(InputFormat(crop_size=32))
    return Clips(videos, ClipFrames(), sampling, transform, skip_bad=skip_bad)


@pytest.mark.parametrize("schema", [SCHEMA, KEYED])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_image_is_refused_or_skipped(tmp_path, schema, workers, capfd):
    """Nothing cheap would have found it before."""
    videos = [database(tmp_path, 0), database(tmp_path, 1, schema, CUT), database(tmp_path, 2)]
    keys = [(draw, index) for draw, index in enumerate([0, 1, 2, 1])]
    told = r"video 1/frames\.db: frame 7: the image is damaged"
    with pytest.raises(InputError, match=told):
        list(load(clips(videos), sampler=keys, batch_size=2, num_workers=workers))
    capfd.readouterr()
    skipping = load(clips(videos, skip_bad=True), sampler=keys, batch_size=4, num_workers=workers)
    ((_, labels),) = skipping
    assert labels.tolist() == [0, 2, 2, 2]
    (note,) = capfd.readouterr().err.splitlines()
    assert note.startswith("note: ") and "frame 7" in note and "another video takes" in note


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_database_that_is_written_to_is_refused_or_skipped(tmp_path, skip_bad, monkeypatch):
    videos = [database(tmp_path, 0), database(tmp_path, 1)]
    reader = clips(videos, skip_bad=skip_bad)
    assert reader[0, 1][1] == 1
    monkeypatch.setattr(frame_database, "PATIENCE", 0.1)
    with closing(sqlite3.connect(tmp_path / "video 1" / "frames.db")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        if skip_bad:
            assert reader[1, 1][1] == 0
        else:
            with pytest.raises(InputError, match=r"video 1/frames\.db: another process has been"):
                reader[1, 1]
    assert reader[2, 1][1] == 1


def test_nothing_is_left_where_all_are_damaged(tmp_path):
    reader = clips([database(tmp_path, number, KEYED, CUT) for number in (0, 1)], skip_bad=True)
    with pytest.raises(InputError, match="frame 7: the image is damaged"):
        reader[0, 0]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory")
def test_loading_in_four_processes_stays_bounded(tmp_path, monkeypatch):
    """As many videos as are kept, and three times as many as that are not."""
    monkeypatch.setattr(clip_frames, "_MOST_KEPT", 40)
    videos = [database(tmp_path, number, (SCHEMA, KEYED)[number % 2]) for number in range(160)]
    random = np.random.default_rng(0)
    keys = ((draw, int(random.integers(len(videos)))) for draw in itertools.count())
    torch.set_num_threads(1)
    loader = load(clips(videos, 4), sampler=keys, batch_size=8, num_workers=4)
    before = memory_after(loader, 40)
    after = memory_after(loader, 400)
    loader.close()
    assert len(before) == 5 and before.keys() == after.keys()
    for process, (resident, files) in before.items():
        # To keep the image files that are read would be 8 MB, and a connection is a file.
        assert after[process][0] < resident + 4e6, (before, after)
        # So is each of the two tensors of a batch that is on its way: two batches of each loading
        # process, which reads, and those of all four in this one, which does not.
        on_their_way = 2 * 2 * (4 if process == os.getpid() else 1)
        assert after[process][1] <= files + on_their_way, (before, after)


def memory_after(loader, batches: int) -> dict[int, tuple[int, int]]:
    """Resident bytes and number of open files of this process and the loading ones."""
    for images, _ in itertools.islice(loader, batches):
        assert images.shape == (8, 12, 32, 32)
    processes = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
    return {
        process: (
            int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            len(os.listdir(f"/proc/{process}/fd")),
        )
        for process in processes
    }
