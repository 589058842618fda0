"""Data sets that nobody may ship, on small files written in exactly their layouts."""

import gzip
import json
import struct

import numpy as np
import pytest
import scipy.io

from mgcbook.data.images import write_gif, write_image
from mgcbook.data.landmarks import write_landmarks
from mgcbook.data.sources import open_source
from mgcbook.data.sources.scans import read_points, read_scan
from mgcbook.errors import DataError


def picture(path, rng, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, rng.random((*size, 3)))


def points_68(rng):
    return rng.uniform(5, 25, (68, 2))


def test_multipie_finds_neighbouring_cameras(tmp_path, rng):
    for camera in ("051", "050", "041", "140", "190", "200", "081"):
        picture(tmp_path / "data" / "session01" / "multiview" / "001" / "01" / f"{camera[:2]}_{camera[2]}" /
                f"001_01_02_{camera}_07.png", rng)  # fmt: skip
        picture(tmp_path / f"001_01_02_{camera}_00.png", rng)
    (tmp_path / "marks").mkdir()
    write_landmarks(tmp_path / "marks" / "001_01_02_051_07.pts", points_68(rng))
    source = open_source("multipie", tmp_path, landmarks=tmp_path / "marks", lights=("07",))
    keys = [[key.split("_")[3] for key in item.keys] for item in source.items()]
    assert keys == [["051", "140", "050"], ["050", "051", "041"], ["041", "050", "190"]]
    sample = source.sample("001_01_02_051_07")
    assert sample.yaw_degrees == 0 and sample.subject == "001" and sample.coefficients["expression_name"] == "smile"
    assert sample.landmarks.shape == (68, 2)
    with pytest.raises(DataError, match="no landmark file"):
        source.sample("001_01_02_190_07")
    turned = open_source("multipie", tmp_path, yaw_sign=-1)
    assert turned.sample("001_01_02_190_07").yaw_degrees == -45 and len(turned) == 12


def test_celeba_draws_photographs_of_one_person(tmp_path, rng):
    (tmp_path / "Anno").mkdir()
    names = [f"{i:06d}.jpg" for i in range(1, 9)]
    (tmp_path / "Anno" / "identity_CelebA.txt").write_text("".join(f"{name} {i % 2}\n" for i, name in enumerate(names)))
    rows = "".join(f"{name}  10 20  30 20  20 30  12 40  28 41\n" for name in names)
    table = tmp_path / "Anno" / "list_landmarks_align_celeba.txt"
    table.write_text(f"{len(names)}\nlefteye_x lefteye_y ...\n{rows}")
    (tmp_path / "list_eval_partition.txt").write_text("".join(f"{name} {2 * (i == 7)}\n" for i, name in enumerate(names)))
    picture(tmp_path / "img_align_celeba" / names[0], rng)
    source = open_source("celeba", tmp_path)
    assert len(source) == 7
    items = source.items()
    assert all(len({source.sample(key).subject for key in item.keys}) == 1 and item.flag == 0 for item in items)
    assert items == source.items() and len(items) == 2
    np.testing.assert_array_equal(source.sample("000001").landmarks[0], [10.5, 20.5])
    table.write_text(f"{len(names)}\nnames\n{rows[: len(rows) // 2]}")
    with pytest.raises(DataError, match="says 8 pictures"):
        open_source("celeba", tmp_path)


def torch7(points, kind="Float", count=None):
    text = lambda s: struct.pack("<i", len(s)) + s.encode()
    sizes = struct.pack("<i2q2qq", 2, *points.shape, points.shape[1], 1, 1)
    numbers = points.astype({"Float": "<f4", "Double": "<f8"}[kind])
    storage = struct.pack("<ii", 4, 2) + text("V 1") + text(f"torch.{kind}Storage") + struct.pack("<q", count or points.size)
    return struct.pack("<ii", 4, 1) + text("V 1") + text(f"torch.{kind}Tensor") + sizes + storage + numbers.tobytes()


def test_ls3dw_reads_torch_and_matlab(tmp_path, rng):
    points = points_68(rng)
    (tmp_path / "a.t7").write_bytes(torch7(points))
    (tmp_path / "b.t7").write_bytes(torch7(points, "Double"))
    scipy.io.savemat(tmp_path / "c.mat", {"pts": points})
    picture(tmp_path / "a.png", rng)
    for sample in open_source("ls3d-w", tmp_path):
        np.testing.assert_allclose(sample.landmarks, points - 0.5, atol=1e-5)
    for content in (torch7(points, count=10**9), torch7(points)[:-8], b"\x04\0\0\0junk", torch7(points[:51])):
        (tmp_path / "a.t7").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.t7"):
            open_source("ls3d-w", tmp_path).sample("a")


def test_mgcnet_records_come_back(tmp_path, rng):
    from mgcbook.data.sources.mgcnet_records import write_records
    from mgcbook.face.camera import PAPER_CAMERA

    class Two:
        camera = PAPER_CAMERA
        images = np.broadcast_to(np.linspace(0.1, 0.9, 3)[:, None, None, None], (3, 224, 224, 3))
        marks = rng.uniform(50, 170, (3, 68, 2))

        def __len__(self):
            return 2

        def item(self, index):
            return {"images": self.images, "skin": self.images[..., 0], "landmarks": self.marks + index, "flag": 2 - index}

    write_records(tmp_path, Two(), subfolder="sub")
    assert (tmp_path / "train.txt").read_text() == "2 sub 00000000\n1 sub 00000001\n"
    source = open_source("mgcnet", tmp_path)
    assert [(item.keys[0], item.flag) for item in source.items()] == [("sub/00000000/0", 2), ("sub/00000001/0", 1)]
    for view in range(3):
        sample = source.sample(f"sub/00000001/{view}")
        np.testing.assert_allclose(sample.landmarks, Two.marks[view] + 1, atol=1e-3)
        np.testing.assert_allclose(sample.read_image(), Two.images[view], atol=0.02)
        np.testing.assert_allclose(sample.read_skin(), Two.images[view][..., 0], atol=0.02)
    from PIL import Image

    strip = np.asarray(Image.open(tmp_path / "sub" / "00000000.jpg")) / 255
    np.testing.assert_allclose(strip[100, [100, 300, 600], 0], [0.5, 0.1, 0.9], atol=0.02)  # source 0, target, source 1
    camera = tmp_path / "sub" / "00000000_cam.txt"
    camera.write_text("\n".join(camera.read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match=r"view 2: expected 68 lines"):
        source.sample("sub/00000000/0")
    (tmp_path / "train.txt").write_text("2 .. etc\n")
    with pytest.raises(DataError, match="leads out of"):
        open_source("mgcnet", tmp_path).sample("../etc/0")


OBJ = "v 0 0 0\nv 10 0 0 0.5 0.5 0.5\nv 0 10 0\nv 10 10 1e1\nvt 0 0\nf 1/1 2/1 4/1 3/1\n"


def test_micc_pairs_scans_with_marked_points_and_films(tmp_path, rng):
    for scan in ("frontal1", "frontal2"):
        place = tmp_path / "subject_01" / "Model" / scan / "obj"
        place.mkdir(parents=True)
        (place / "110920150452.obj").write_text(OBJ)
        content = {"version": 3, "groups": {"LJSON": {"landmarks": {"points": rng.normal(size=(68, 3)).tolist()}}}}
        (place / "110920150452.ljson").write_text(json.dumps(content))
    picture(tmp_path / "subject_01" / "Video" / "PTZ-Indoor" / "frames" / "0001.jpg", rng)
    source = open_source("micc", tmp_path)
    assert [sample.key for sample in source] == ["subject_01/frontal1", "subject_01/frontal2"]
    assert source.sample("subject_01/frontal1").scan_landmarks.shape == (68, 3)
    films = source.films("subject_01")
    assert {name: len(paths) for name, paths in films.items()} == {"cooperative": 0, "indoor": 1, "outdoor": 0}


def test_real_marked_points_of_micc_load(realkit):
    first, second = (read_points(realkit / "micc_lm" / f"subject_01_frontal{i}.ljson") for i in (1, 2))
    assert first.shape == second.shape == (68, 3)
    assert 60 < np.linalg.norm(first[36] - first[45]) < 130


def test_bu3dfe_reads_names_meshes_and_points(tmp_path, rng):
    place = tmp_path / "F0001"
    picture(place / "F0001_AN01WH_F2D.png", rng)
    (place / "F0001_AN01WH_F3D.wrl").write_text(
        "#VRML V2.0 utf8\nShape { geometry IndexedFaceSet { coord Coordinate { point [ 0 0 0, 1 0 0,\n 0 1 0, 1 1 0 ] }\n"
        "texCoord TextureCoordinate { point [ 0 0, 1 1 ] } coordIndex [ 0,1,2,-1, 1,3,2,-1 ] texCoordIndex [0,1,0,-1] } }"
    )
    (place / "F0001_AN01WH_F3D.bnd").write_text("".join(f"{i} {i}.5 1 2\n" for i in range(83)))
    sample = open_source("bu3dfe", tmp_path).sample("F0001_AN01WH")
    assert sample.coefficients == {"expression_name": "angry", "strength": 1, "ethnicity": "WH"}
    np.testing.assert_array_equal(sample.scan_landmarks[2], [2.5, 1, 2])
    np.testing.assert_array_equal(read_scan(sample.mesh).triangles, [[0, 1, 2], [1, 3, 2]])


def test_frgc_range_pictures_become_meshes(tmp_path, rng):
    x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    flags, z = np.ones((4, 5), int), np.where(x > 3, 100.0, 0.0)
    flags[0, 0] = 0
    values = [flags, np.where(flags, x, -999999), np.where(flags, y, -999999), np.where(flags, z, -999999)]
    text = "4 rows\n5 columns\npixels (flag X Y Z):\n" + "\n".join(" ".join(map(str, v.ravel())) for v in values)
    place = tmp_path / "Spring2003range"
    place.mkdir()
    (place / "02463d546.abs.gz").write_bytes(gzip.compress(text.encode()))
    picture(place / "02463d547.jpg", rng)
    source = open_source("frgc", tmp_path)
    sample = source.sample("02463d546")
    assert sample.subject == "02463" and sample.image.name == "02463d547.jpg"
    scan = read_scan(sample.mesh)
    assert len(scan.vertices) == 19
    assert len(scan.triangles) == 2 * 9 - 1, "none across the jump of 100 mm, one cell lost its corner"
    short, huge = gzip.compress(b"4 rows\n5 columns\npixels\n1 2"), b"99999999 rows\n1 c\npixels\n"
    for damaged in (gzip.compress(text.encode())[:-20], short, huge):
        (place / "02463d546.abs.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="02463d546"):
            read_scan(sample.mesh)


def test_now_pairs_photographs_with_scans(tmp_path, rng):
    key = "FaMoS_1/multiview_neutral/IMG_1"
    (tmp_path / "imagepathsvalidation.txt").write_text(f"{key}.jpg\n")
    picture(tmp_path / "final" / "iphone_pictures" / f"{key}.jpg", rng)
    marked = "".join(f'<point y="2" z="3" x="{i}" active="1" name="{i}"/>\n' for i in range(7))
    for name, content in (("scans/FaMoS_1/a.obj", OBJ), ("scans_lmks_onlypp/FaMoS_1/a.pp", marked)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(content)
    sample = open_source("now", tmp_path).sample(key)
    assert sample.coefficients["challenge"] == "multiview_neutral" and sample.read_image().shape == (40, 30, 3)
    np.testing.assert_array_equal(sample.scan_landmarks, [[i, 2, 3] for i in range(7)])
    (tmp_path / "imagepathsvalidation.txt").write_text("../../etc/passwd.jpg\n")
    with pytest.raises(DataError, match="expected lines"):
        open_source("now", tmp_path)


def test_a_film_gives_frames_at_a_distance(tmp_path, rng):
    write_gif(tmp_path / "film.gif", rng.random((9, 32, 32, 3)))
    np.save(tmp_path / "film.npy", rng.uniform(4, 28, (9, 68, 2)))
    source = open_source("video", tmp_path / "film.gif", step=2, same_moment=True)
    assert [item.keys for item in source.items()] == [("000002", "000000", "000004"), ("000004", "000002", "000006"),
                                                       ("000006", "000004", "000008")]  # fmt: skip
    assert source.sample("000004").read_image().shape == (32, 32, 3)
    np.testing.assert_array_equal(source.sample("000004").image, source.sample("000004").image)
    (tmp_path / "bad.gif").write_bytes(b"GIF89a broken")
    with pytest.raises(DataError, match="cannot be decoded"):
        open_source("video", tmp_path / "bad.gif")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.obj", "v 0 0 0\nf 1 2 3\n"), ("a.obj", OBJ + "f 1 2 99\n"), ("a.obj", OBJ + "f 1 x 3\n"), ("a.wrl", "point [ 1 2 ]"),
     ("a.wrl", "nothing"), ("a.ply", "ply\nformat ascii 1.0\nelement vertex 999999999\nend_header\n"), ("a.stl", "solid")],
)  # fmt: skip
def test_broken_scans_are_named(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=name):
        read_scan(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"), [("a.pp", '<point x="1" y="2"/>'), ("a.bnd", "0 1 nan 3"), ("a.ljson", "[]"), ("a.txt", "1 2")]
)
def test_broken_points_are_named(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=name):
        read_points(tmp_path / name)
