"""AFLW2000-3D and 300W-LP: signs and half pixels on real files, traps and wrong files on written ones."""

import builtins

import numpy as np
import pytest
import scipy.io

from mgcbook.data.images import write_image
from mgcbook.data.sources import KINDS, open_source
from mgcbook.data.sources.annotation_mat import camera_from_angles, read_annotation
from mgcbook.errors import DataError, UsageError


def face_points(rng):
    """68 points of an upright face in 450 x 450 pixels, counted from 1."""
    points = rng.uniform(150, 300, (68, 2))
    points[8], points[27] = (225, 340), (225, 200)
    return points


def write(folder, name, rng, *, yaw=0.2, points_2d=None, points_3d=None, **other):
    folder.mkdir(parents=True, exist_ok=True)
    fields = {"Pose_Para": np.float32([[0.1, yaw, -0.1, 220, 230, 60, 0.001]]), "Shape_Para": rng.normal(size=(199, 1)) * 1e5,
              "Exp_Para": np.arange(29, dtype=np.uint8)[:, None], "Tex_Para": rng.normal(size=(199, 1)),
              "Color_Para": np.ones((1, 7), np.float32), "Illum_Para": np.ones((1, 10)), "roi": np.int16([[-3, 4, 5, 6]]),
              "pt2d": rng.uniform(1, 400, (2, 21)) if points_2d is None else points_2d}  # fmt: skip
    if points_3d is not None:
        fields["pt3d_68"] = points_3d.astype(np.float32)
    scipy.io.savemat(folder / f"{name}.mat", fields | other)
    write_image(folder / f"{name}.jpg", rng.random((450, 450, 3)))


def test_points_lose_half_a_pixel_and_odd_fields_are_read(tmp_path, rng):
    points = np.concatenate([face_points(rng), rng.normal(size=(68, 1))], axis=1)
    marks = rng.uniform(1, 400, (2, 23))
    marks[:, 4] = -1
    write(tmp_path, "image00002", rng, points_2d=marks, points_3d=points.T, yaw=np.deg2rad(351))
    sample = open_source("aflw2000", tmp_path).sample("image00002")
    np.testing.assert_allclose(sample.landmarks, points[:, :2] - 0.5, atol=1e-4)
    np.testing.assert_allclose(sample.landmark_depth, points[:, 2], atol=1e-4)
    assert sample.yaw_degrees == pytest.approx(351, abs=1e-3), "angles are not wrapped"
    np.testing.assert_array_equal(sample.coefficients["expression"], np.arange(29))
    assert sample.coefficients["points_2d"].shape == (23, 2)
    assert not sample.coefficients["visible"][4] and (sample.coefficients["points_2d"][4] == -1).all()
    assert sample.read_image().shape == (450, 450, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Pose_Para": np.float32([[np.nan] * 7])}, "Pose_Para.*NaN"),
        ({"Pose_Para": np.zeros((1, 6))}, "Pose_Para: expected 7"),
        ({"Exp_Para": np.zeros((64, 1))}, "Exp_Para: expected 29"),
        ({"pt3d_68": np.zeros((68, 3))}, r"pt3d_68: expected \(3, 68\)"),
        ({"pt3d_68": np.array([["a"]])}, "pt3d_68"),
    ],
)
def test_wrong_fields_are_named(tmp_path, rng, change, message):
    write(tmp_path, "image00002", rng, **change)
    with pytest.raises(DataError, match=message):
        open_source("aflw2000", tmp_path).sample("image00002")


def test_links_out_of_the_data_set_are_refused(tmp_path, rng):
    write(tmp_path / "elsewhere", "image00002", rng, points_3d=np.ones((3, 68)))
    inside = tmp_path / "data"
    inside.mkdir()
    (inside / "image00002.mat").symlink_to(tmp_path / "elsewhere" / "image00002.mat")
    with pytest.raises(DataError, match="leads out of"):
        open_source("aflw2000", inside).sample("image00002")


def test_turns_of_one_photograph_make_triples(tmp_path, rng):
    points = face_points(rng).T
    for turn, yaw in ((0, 0.1), (1, 0.4), (2, 0.8), (10, 1.2), (11, 1.7)):
        write(tmp_path / "AFW", f"AFW_1_2_{turn}", rng, yaw=yaw, points_2d=points)
    write(tmp_path / "HELEN", "HELEN_test_5_1_0", rng, points_2d=points)
    source = open_source("300w-lp", tmp_path)
    assert [item.keys for item in source.items()] == [
        ("AFW/AFW_1_2_1", "AFW/AFW_1_2_0", "AFW/AFW_1_2_2"), ("AFW/AFW_1_2_2", "AFW/AFW_1_2_1", "AFW/AFW_1_2_10")
    ]  # fmt: skip
    assert {item.flag for item in source.items()} == {2}
    assert len(source) == 6 and len(open_source("300w-lp", tmp_path, test=False)) == 5
    sample = source.sample("AFW/AFW_1_2_10")
    assert sample.group == "AFW/AFW_1_2" and sample.yaw_degrees == pytest.approx(np.rad2deg(1.2), abs=1e-4)
    np.testing.assert_allclose(sample.landmarks, points.T - 0.5)


def test_points_fixed_to_the_face_are_preferred_and_upside_down_ones_turned(tmp_path, rng):
    points = face_points(rng)
    write(tmp_path / "LFPW", "LFPW_1_0", rng, points_2d=points.T)
    (tmp_path / "landmarks" / "LFPW").mkdir(parents=True)
    scipy.io.savemat(tmp_path / "landmarks" / "LFPW" / "LFPW_1_0_pts.mat", {"pts_3d": points + 3, "pts_2d": points})
    np.testing.assert_allclose(open_source("300w-lp", tmp_path).sample("LFPW/LFPW_1_0").landmarks, points + 2.5)
    over = np.stack([points[:, 0], 451 - points[:, 1]])  # y from below, counted from 1
    write(tmp_path / "LFPW", "LFPW_2_0", rng, points_2d=over)
    np.testing.assert_allclose(open_source("300w-lp", tmp_path).sample("LFPW/LFPW_2_0").landmarks, points - 0.5)


def test_all_real_annotations_have_the_right_signs(realkit):
    yaw, nose_left, pitch, nose_up, roll, tilt = [], [], [], [], [], []
    for folder, count in (("aflw2000", 33), ("aflw2000_edge", 4)):
        samples = list(open_source("aflw2000", realkit / folder))
        assert len(samples) == count
        for sample in samples:
            angles = np.degrees(sample.coefficients["pose"][:3])
            if (np.abs(angles) > 99).any():
                continue
            points, label = sample.landmarks, read_annotation(realkit / folder / f"{sample.key}.mat")
            np.testing.assert_array_equal(label.points[:, :2], points)
            eyes = points[36:48].mean(axis=0)
            eye_line = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
            # In the picture's plane turned upright, the nose tip goes to the left with yaw and up with pitch.
            turn = camera_from_angles(sample.coefficients["pose"][:3])
            nose = points[30] - eyes
            yaw.append(angles[1])
            nose_left.append(-nose[0])
            pitch.append(angles[0])
            nose_up.append(-nose[1])
            if abs(angles[1]) < 40:
                roll.append(angles[2])
                tilt.append(np.degrees(np.arctan2(eye_line[1], eye_line[0])))
            forward = turn[:, 2]  # out of the face, in the axes of the camera
            assert forward[0] * angles[1] <= 0 or abs(angles[1]) < 25
            sideways = turn[:2, 0]
            if abs(angles[1]) < 40:
                assert eye_line @ sideways > 0.9 * np.linalg.norm(eye_line) * np.linalg.norm(sideways)
    assert np.corrcoef(yaw, nose_left)[0, 1] > 0.85
    assert np.corrcoef(pitch, nose_up)[0, 1] > 0.4
    assert np.corrcoef(roll, tilt)[0, 1] > 0.8


def test_real_samples_of_other_kinds_load(realkit):
    lp = open_source("300w-lp", realkit / "300wlp").sample("IBUG_image_008_1_0")
    assert lp.landmarks.shape == (68, 2) and lp.yaw_degrees == pytest.approx(-44.0, abs=0.1)
    pts = open_source("folder", realkit / "ibug").sample("image_0010")
    assert pts.landmarks.shape == (68, 2) and (pts.landmarks.min(0) > 200).all()
    fan = open_source("folder", realkit / "fan").sample("aflw-test")
    np.testing.assert_array_equal(fan.landmarks[0], [140.5, 240.5])
    flame = open_source("folder", realkit / "flame_hq").sample("imgHQ01148")
    assert flame.landmarks.shape == (5, 2) and flame.coefficients["points_51"].shape == (51, 2)
    np.testing.assert_array_equal(flame.landmarks[2], flame.coefficients["points_51"][30 - 17])  # the tip of the nose
    five = list(open_source("folder", realkit / "deng_input"))
    assert len(five) == 12 and all(sample.landmarks.shape == (5, 2) for sample in five)
    views = open_source("folder", realkit / "multiview", together="person")
    assert views.items()[0].keys == ("front", "left", "right") and views.sample("front").read_image().shape == (224, 224, 3)


def test_hostile_data_files_end_in_data_errors(realkit, tmp_path):
    for name in ("nan_pose.mat", "truncated.mat", "lfs_pointer.mat"):
        with pytest.raises(DataError, match=name):
            read_annotation(realkit / "hostile" / name)
    for name in ("bad_count.pts", "evil_object.npy", "truncated.jpg"):
        (tmp_path / name).write_bytes((realkit / "hostile" / name).read_bytes())
    for stem in ("bad_count", "evil_object"):
        (tmp_path / f"{stem}.jpg").write_bytes((realkit / "aflw2000" / "image00008.jpg").read_bytes())
    source = open_source("folder", tmp_path)
    for key in ("bad_count", "evil_object"):
        with pytest.raises(DataError, match=key):
            source.sample(key)
    with pytest.raises(DataError, match="truncated"):
        source.sample("truncated").read_image()
    assert not hasattr(builtins, "MGC_PWNED")


def test_kinds_are_named(tmp_path):
    with pytest.raises(UsageError, match="kind: expected one of folder"):
        open_source("vggface", tmp_path)
    for kind in KINDS:
        with pytest.raises(DataError, match="expected"):
            open_source(kind, tmp_path / "missing")
