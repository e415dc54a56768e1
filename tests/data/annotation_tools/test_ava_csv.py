"""Ground truth in AVA's csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data import InputError
from tests.data.annotation_tools.importing import run, tubes

AVA = """clip,0900,0.1,0.1,0.5,0.9,2,0
clip,0900,0.1,0.1,0.5,0.9,4,0
clip,0901,0.3,0.1,0.7,0.9,2,0
clip,0900,0.6,0.1,0.9,0.9,1,1
"""
PBTXT = """item {
  name: "bend/bow (at the waist)"
  id: 1
}
item {
  name: "walk"
  id: 2
}
"""


def test_ava(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = videos.parent / "actions.pbtxt"
    names.write_text(PBTXT)
    options = (f"--classes={names}", "--start_time=900")
    annotations = run(videos, AVA, *options, name="ava_train.csv")
    assert annotations.classes == ("bend/bow (at the waist)", "walk")
    assert sorted(tubes(annotations)) == [("bend/bow (at the waist)", 0, 1), ("walk", 0, 26)]
    walking = next(tube for tube in annotations.videos["clip"].tubes if tube.label == 1)
    assert np.allclose(walking.boxes[[0, -1], 0], [6.4, 19.2])
    assert "1 tube of actions without a name left out" in capsys.readouterr().err
    # Without persons the boxes are linked.
    loose = "".join(line.rpartition(",")[0] + "\n" for line in AVA.splitlines())
    again = run(videos, loose, *options, "--overwrite", name="ava_train.csv")
    assert sorted(tubes(again)) == sorted(tubes(annotations))
    with pytest.raises(InputError, match=r"ava\.csv:1: must be video,.*; remove the line if it"):
        header = "video_id,middle_frame_timestamp,x1,y1,x2,y2,action_id,person_id\n"
        run(videos, header + AVA, *options, "--overwrite", name="ava.csv")
    with pytest.raises(InputError, match=r"ava\.csv:2: .*not 32,5,80,90; divide pixels"):
        run(
            videos,
            AVA.splitlines()[0] + "\nclip,0900,32,5,80,90,2,0\n",
            *options,
            "--overwrite",
            name="ava.csv",
        )
    with pytest.raises(InputError, match="give the names with --classes"):
        run(videos, AVA, "--overwrite", name="ava.csv")
    frames = AVA.replace("clip", "frames").replace("0901", "0900.2").replace("0900,", "0,")
    with pytest.raises(InputError, match="--frame_rate"):
        run(videos, frames, f"--classes={names}", "--overwrite", name="ava.csv")
