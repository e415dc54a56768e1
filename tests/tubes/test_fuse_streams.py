"""`tubes/fuse_streams.py`: joined detections as files, as the linker sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from data import FORMATS, Context, Detections, InputError
from evaluation import frame_map
from tests.tubes.strategies import detections
from tests.tubes.test_build import write_detections, write_truth
from tubes import FUSIONS, fuse, mean_fusion
from tubes.fuse_streams import main


@pytest.mark.parametrize("fusion", ["cat", "boost"])
@given(video=detections(max_frames=20))
@settings(max_examples=50, deadline=None)
def test_a_box_has_the_score_of_its_class_alone(fusion, video):
    joined = fuse(video, replace(video, boxes=video.boxes + np.float32(1)), fusion)
    found = joined.by_class()
    classes = len(video.classes)
    for frame in range(video.frames):
        boxes, scores, starts = joined.frame(frame)
        own_boxes, own_scores = found.frame(frame)
        assert np.array_equal(boxes, own_boxes)
        for label in range(classes):
            rows = slice(starts[label], starts[label + 1])
            np.testing.assert_allclose(own_scores[rows, label], scores[rows, label], atol=1e-6)
            others = np.delete(own_scores[rows], [label, classes], axis=1)
            assert not others.any()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_command(tmp_path, capsys, fusion, workers):
    rgb = write_detections(tmp_path / "rgb", "a", "b")
    flow = write_detections(tmp_path / "flow", "a", "b")
    command = [str(rgb), "--top", str(flow), "--fusion", fusion, "--save_root", str(tmp_path)]
    main([*command, "--workers", str(workers)])
    base, top = (Detections.load(folder / "a.npz") for folder in (rgb, flow))
    wanted = mean_fusion(base, top) if fusion == "mean" else fuse(base, top, fusion).by_class()
    found = Detections.load(tmp_path / "fused" / "a.npz")
    assert np.array_equal(found.boxes, wanted.boxes)
    assert np.array_equal(found.scores, wanted.scores)
    assert np.array_equal(found.offsets, wanted.offsets)
    assert f"in 2 videos: {tmp_path / 'fused'}" in capsys.readouterr().out
    truth = write_truth(tmp_path / "truth.json", "a", "b")
    frame_map.main([str(tmp_path / "fused"), "--dataset", str(truth)])
    assert "frame-mAP" in capsys.readouterr().out


def test_files_that_do_not_name_their_classes(tmp_path):
    """As those of ROAD: the data set says what they leave unsaid."""
    truth = write_truth(tmp_path / "truth.json", "a")
    found = Detections.load(write_detections(tmp_path / "rgb", "a") / "a.npz")
    FORMATS["road"].write_detections(
        tmp_path / "mat", [found], Context(found.classes, {"a": found})
    )
    command = [str(tmp_path / "mat"), "--top", str(tmp_path / "mat"), "--fusion", "mean"]
    command += ["--save_root", str(tmp_path)]
    with pytest.raises(InputError, match="do not name them; give the names"):
        main(command)
    main([*command, "--dataset", str(truth)])
    joined = Detections.load(tmp_path / "fused" / "a.npz")
    assert joined.classes == found.classes and len(joined.boxes) == len(found.boxes)


def test_a_stream_without_a_partner(tmp_path):
    rgb, flow = write_detections(tmp_path / "rgb", "a", "b"), write_detections(tmp_path / "f", "a")
    with pytest.raises(InputError, match=r"b\.npz: is missing, the second stream of"):
        main([str(rgb), "--top", str(flow), "--save_root", str(tmp_path)])
    with pytest.raises(InputError, match="nms_thresh"):
        main([str(rgb), "--top", str(flow), "--nms_thresh", "2", "--save_root", str(tmp_path)])
