"""Meshes as the bytes of OBJ, PLY and GLB files, written out here: a library for many formats takes a second to be imported.

    obj(vertices, triangles, colors)     (V, 3) mm, (F, 3), (V, 3) in [0, 1] or None -> bytes

What they may hold is checked by `mgcbook.programs.export.write_mesh`.
"""

import json
import struct

import numpy as np

from mgcbook.face.normals import vertex_normals

MATTE = {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0, "roughnessFactor": 0.7}
"""Without a material glTF means metal, and a metal face is black: ours is dull."""

FLOAT, WORD, BYTE = 5126, 5125, 5121
"""Numbers of the kinds of numbers in glTF: float32, uint32, uint8."""

VERTICES, INDICES = 34962, 34963
"""What a part of the buffer is for, in glTF."""


def obj(vertices, triangles, colors):
    """OBJ with "v x y z r g b", the form that MeshLab, Blender and CloudCompare read."""
    columns = vertices if colors is None else np.concatenate([vertices, colors], axis=1)
    lines = "v" + " %.4f" * columns.shape[1] + "\n"
    head = "# mgcbook; millimetres; x to the subject's left, y up, z out of the face\n"
    # One format for all lines: formatting number by number takes three times as long.
    points = lines * len(columns) % tuple(columns.ravel().tolist())
    return (head + points + "f %d %d %d\n" * len(triangles) % tuple((triangles + 1).ravel().tolist())).encode()


def ply(vertices, triangles, colors):
    """PLY, binary, little-endian."""
    names = [] if colors is None else ["red", "green", "blue", "alpha"]
    point = np.dtype([(name, "<f4") for name in "xyz"] + [(name, "u1") for name in names])
    points = np.empty(len(vertices), point)
    for name, values in zip("xyz", vertices.T, strict=True):
        points[name] = values
    for name, values in zip(names, () if colors is None else _rgba(colors).T, strict=True):
        points[name] = values
    faces = np.empty(len(triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, triangles
    lines = ["ply", "format binary_little_endian 1.0", "comment mgcbook; millimetres", f"element vertex {len(vertices)}",
             *(f"property float {name}" for name in "xyz"), *(f"property uchar {name}" for name in names),
             f"element face {len(triangles)}", "property list uchar int vertex_indices", "end_header", ""]  # fmt: skip
    return "\n".join(lines).encode() + points.tobytes() + faces.tobytes()


def glb(vertices, triangles, colors):
    """glTF 2.0 in one binary file, in metres, with normals; its vertex colours are linear light, which viewers turn back."""
    normals = vertex_normals(np.ascontiguousarray(vertices[None], np.float32), triangles.astype(np.int32))[0]
    normals[~normals.any(axis=1)] = 0, 0, 1  # beside no area there is none, but the standard wants unit length
    parts = {"POSITION": (vertices / 1000).astype("<f4"), "NORMAL": normals.astype("<f4")}
    if colors is not None:
        parts["COLOR_0"] = _rgba(np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4))
    parts["indices"] = triangles.astype("<u4").reshape(-1)
    accessors, views, buffer = [], [], b""
    for place, (name, array) in enumerate(parts.items()):
        views.append({"buffer": 0, "byteOffset": len(buffer), "byteLength": array.nbytes,
                      "target": INDICES if name == "indices" else VERTICES})  # fmt: skip
        accessors.append({"bufferView": place, "count": len(array), **_kind(array)})
        buffer += array.tobytes()  # all their sizes are multiples of four bytes, as the standard asks
    low, high = (f(parts["POSITION"], axis=0).tolist() if len(vertices) else [0, 0, 0] for f in (np.min, np.max))
    accessors[0] |= {"min": low, "max": high}
    attributes = {name: place for place, name in enumerate(parts) if name != "indices"}
    tree = {
        "asset": {"version": "2.0", "generator": "mgcbook"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "face", "mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": len(attributes), "material": 0, "mode": 4}]}],
        "materials": [{"name": "skin", "pbrMetallicRoughness": MATTE, "doubleSided": True}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(buffer)}],
    }
    text = json.dumps(tree, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunk = lambda data, kind: struct.pack("<I4s", len(data), kind) + data
    content = chunk(text, b"JSON") + chunk(buffer, b"BIN\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(content)) + content


def _kind(array):
    """How glTF calls the numbers of an array."""
    if array.ndim == 1:
        return {"componentType": WORD, "type": "SCALAR"}
    if array.dtype == np.uint8:
        return {"componentType": BYTE, "type": "VEC4", "normalized": True}
    return {"componentType": FLOAT, "type": "VEC3"}


def _rgba(colors):
    """(V, 3) in [0, 1] -> (V, 4) uint8, opaque."""
    return np.concatenate([np.round(colors * 255), np.full((len(colors), 1), 255)], axis=1).astype(np.uint8)
