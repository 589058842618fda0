"""Good files to damage, and which readers are asked to read what comes out."""

import json
import os
import struct
from pathlib import Path

import numpy as np

from mgcbook.data.boxes import read_box
from mgcbook.data.formats.safe_hdf5 import open_hdf5
from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.formats.safe_npy import read_npy, read_npz
from mgcbook.data.formats.safe_pickle import read_pickle
from mgcbook.data.formats.safe_text import read_landmark_map, read_numbers, read_obj
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import read_landmarks
from mgcbook.data.sources.annotation_mat import read_annotation
from mgcbook.data.sources.mgcnet_records import read_camera_file
from mgcbook.data.sources.scans import read_points, read_scan
from mgcbook.data.sources.textured import read_textured
from mgcbook.data.sources.torch7 import read_tensor
from mgcbook.face.model_file import load_model
from mgcbook.learning.weights import read_weights
from mgcbook.programs.checkpoint import load as read_checkpoint

LARGEST = 3_000_000
"""Bytes of a seed: larger files damage no better, only more slowly."""


def read_hdf5(path):
    with open_hdf5(path, patience=4) as file:
        return [file.array(name) for name in ("shape/model/mean", "shape/model/pcaBasis", "a/b", "a/c", "bfm/vertexPoint")]


READERS = {
    ".mat": [read_annotation, lambda path: read_mat(path, ("pt3d_68", "pt2d")), read_landmarks],
    ".npz": [lambda path: read_npz(path, ("mean", "a")), load_model, read_landmarks],
    ".npy": [read_npy, read_landmarks, read_points],
    ".pkl": [read_pickle],
    ".pth": [read_weights],
    ".safetensors": [read_weights, read_checkpoint],
    ".pts": [read_landmarks, read_points],
    ".txt": [read_landmarks, read_points, read_box, read_camera_file, read_numbers, lambda path: read_landmark_map(path, 3448)],
    ".json": [read_landmarks, read_box],
    ".ljson": [read_landmarks, read_points],
    ".h5": [read_hdf5],
    ".obj": [read_obj, read_scan, read_textured],
    ".ply": [read_scan],
    ".wrl": [read_scan],
    ".abs": [read_scan],
    ".t7": [read_tensor],
    ".jpg": [read_image],
    ".jpeg": [read_image],
    ".png": [read_image],
}
"""Suffix -> readers; each either reads the file or raises DataError."""


def collect(folder, kit):
    """Write the seeds of our own, add those of the kit; -> list of paths."""
    write(Path(folder))
    found = sorted(path for path in Path(folder).iterdir() if path.suffix in READERS)
    if kit is not None:
        inside = sorted(path for path in Path(kit).rglob("*") if path.is_file() and path.suffix.lower() in READERS)
        found += [path for path in inside if 0 < path.stat().st_size <= LARGEST]
    return found


def default_kit():
    """The folder of real files, where there is one."""
    kit = Path(os.environ.get("MGCBOOK_REALKIT") or Path(__file__).parents[3] / "shared" / "realkit")
    return kit if kit.is_dir() else None


def write(folder):
    """Small good files of every kind that the package reads."""
    import pickle

    import scipy.io

    from mgcbook.data.images import write_image
    from mgcbook.data.landmarks import write_landmarks

    rng = np.random.default_rng(0)
    points = rng.uniform(10, 90, (68, 2))
    image = rng.random((24, 32, 3)).astype(np.float32)
    write_image(folder / "a.png", image)
    write_image(folder / "a.jpg", image)
    for name in ("a.pts", "a.json", "a.txt", "a.npy"):
        write_landmarks(folder / name, points)
    annotation = {"pt3d_68": rng.uniform(0, 100, (3, 68)), "pt2d": rng.uniform(0, 100, (2, 68)), "Pose_Para": np.zeros((1, 7))}
    scipy.io.savemat(folder / "a.mat", annotation)
    scipy.io.savemat(folder / "b.mat", annotation, do_compression=True)
    scipy.io.savemat(folder / "c.mat", {"a": {"b": np.eye(3)}, **annotation}, format="5")
    scipy.io.savemat(folder / "d.mat", annotation, format="4")
    np.savez(folder / "a.npz", mean=rng.random((5, 3)), a=np.arange(4))
    np.savez_compressed(folder / "b.npz", mean=rng.random((5, 3)), a=np.arange(4))
    for protocol in range(6):
        stored = {"a": rng.random((3, 3)), "b": [1, "two", (3.0, None)], "c": np.float64(2)}
        (folder / f"p{protocol}.pkl").write_bytes(pickle.dumps(stored, protocol=protocol))
    write_geometry(folder, rng)
    write_tensors(folder, rng)


def write_geometry(folder, rng):
    """Meshes, a range image, camera numbers."""
    corners, faces = rng.uniform(-90, 90, (8, 3)), rng.integers(0, 8, (6, 3))
    lines = ["v " + " ".join(f"{x:.3f}" for x in corner) for corner in corners]
    (folder / "a.obj").write_text("\n".join(lines + ["f " + " ".join(str(i + 1) for i in face) for face in faces]) + "\n")
    textured = [f"{line} {i / 8} 0 0.5" for i, line in enumerate(lines)] + ["vt 0.1 0.2", "vt 0.9 0.8"]
    textured += ["f " + " ".join(f"{i + 1}/{1 + i % 2}" for i in face) for face in faces]
    (folder / "b.obj").write_text("mtllib b.mtl\n" + "\n".join(textured) + "\n")
    header = "ply\nformat {} 1.0\nelement vertex 8\nproperty float x\nproperty float y\nproperty float z\n"
    header += "element face 6\nproperty list uchar int vertex_indices\nend_header\n"
    text = "\n".join(" ".join(f"{x:.3f}" for x in corner) for corner in corners)
    text += "\n" + "\n".join("3 " + " ".join(map(str, face)) for face in faces) + "\n"
    (folder / "a.ply").write_text(header.format("ascii") + text)
    body = corners.astype("<f4").tobytes() + b"".join(struct.pack("<Biii", 3, *face) for face in faces)
    (folder / "b.ply").write_bytes(header.format("binary_little_endian").encode() + body)
    wrl = "#VRML V2.0 utf8\nShape { geometry IndexedFaceSet { coord Coordinate { point [\n"
    wrl += ",\n".join(" ".join(f"{x:.3f}" for x in corner) for corner in corners) + "\n] }\ncoordIndex [\n"
    (folder / "a.wrl").write_text(wrl + ",\n".join(", ".join(map(str, face)) + ", -1" for face in faces) + "\n] } }\n")
    grid = rng.uniform(-90, 90, (3, 12))
    rows = ["3 rows", "4 columns", "pixels (flag X Y Z):", " ".join(["1"] * 12)]
    (folder / "a.abs").write_text("\n".join(rows + [" ".join(f"{x:.4f}" for x in row) for row in grid]) + "\n")


def write_tensors(folder, rng):
    """Weights and HDF5."""
    import h5py
    from safetensors.numpy import save_file

    save_file({"conv1.weight": rng.random((2, 3, 3, 3)).astype(np.float32)}, folder / "a.safetensors", {"about": json.dumps({})})
    with h5py.File(folder / "a.h5", "w") as file:
        file["a/b"] = rng.random((4, 3))
        file.create_dataset("a/c", data=rng.random((16, 3)), chunks=(4, 3), compression="gzip")
        file["shape/model/mean"] = rng.random(30)
        file["shape/model/pcaBasis"] = rng.random((30, 2))
