"""Weights to and from files, and what hostile or broken files come to."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mgcbook.errors import DataError, ResourceError
from mgcbook.learning.pth import read_pth
from mgcbook.learning.resnet import init_resnet
from mgcbook.learning.weights import load_pretrained, read_weights, save_weights, to_torch

KIT = Path(os.environ.get("MGCBOOK_REALKIT", "missing"))


class _Global:
    """Pickles as a name that is looked up when the file is read."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Call:
    def __init__(self, function, *args):
        self.function, self.args = function, args


class _Writer(pickle._Pickler):
    """Writes what torch.save writes, without torch: calls, names and storages by hand."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Global):
            self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
        elif isinstance(obj, _Call):
            self.save(obj.function)
            self.save(obj.args)
            self.write(b"R")
        elif isinstance(obj, tuple) and obj[:1] == ("storage",):
            self.write(b"(")
            for part in obj:
                self.save(part)
            self.write(b"tQ")
        else:
            super().save(obj, save_persistent_id)


def _pickled(tree):
    stream = io.BytesIO()
    _Writer(stream, 2).dump(tree)
    return stream.getvalue()


def _tensor(key, array, kind="FloatStorage", count=None, shape=None, stride=None):
    storage = ("storage", _Global("torch", kind), key, "cpu", array.size if count is None else count)
    stride = tuple(s // array.itemsize for s in array.strides) if stride is None else stride
    shape = array.shape if shape is None else shape
    hooks = _Call(_Global("collections", "OrderedDict"))
    return _Call(_Global("torch._utils", "_rebuild_tensor_v2"), storage, 0, shape, stride, False, hooks)


def _write_zip(path, tree, data):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(tree))
        for key, array in data.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())


def _write_row(path, tree, data):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [_pickled(x) for x in (0x1950A86A20F9469CFC6C, 1001, system, tree, list(data))]
    parts += [struct.pack("<q", array.size) + array.tobytes() for array in data.values()]
    Path(path).write_bytes(b"".join(parts))


def _torch_file(path, write, trees, wrap=lambda tree: tree):
    arrays = {name: to_torch(a) for tree in trees for name, a in tree.items()}
    data = {str(i): a for i, a in enumerate(arrays.values())}
    write(path, wrap({name: _tensor(str(i), a) for i, (name, a) in enumerate(arrays.items())}), data)


@pytest.fixture
def network(rng):
    params, state = init_resnet(rng, 10, outputs=5, width=4)
    return {name: p + np.float32(0.1) * rng.normal(size=p.shape).astype(np.float32) for name, p in params.items()}, state


@pytest.mark.parametrize("write", [_write_zip, _write_row])
@pytest.mark.parametrize("wrapped", [False, True])
def test_pth_files_are_read_without_torch(tmp_path, rng, network, write, wrapped):
    wrap = lambda tree: {"epoch": 3, "state_dict": {f"module.{name}": view for name, view in tree.items()}} if wrapped else tree
    _torch_file(tmp_path / "net.pth", write, network, wrap)
    params, state = load_pretrained(tmp_path / "net.pth", *init_resnet(rng, 10, outputs=5, width=4))
    assert all(np.array_equal(params[name], p) for name, p in network[0].items())
    assert list(state) == list(network[1])
    assert params["conv1.weight"].flags.c_contiguous


def test_round_trip_through_safetensors(tmp_path, rng, network):
    path = tmp_path / "größe 1" / "net.safetensors"
    path.parent.mkdir()
    save_weights(path, *network)
    assert read_weights(path)["conv1.weight"].shape == (4, 3, 7, 7)  # torchvision's layout
    params, state = load_pretrained(path, *init_resnet(rng, 10, outputs=5, width=4))
    assert all(np.array_equal(params[name], p) for name, p in network[0].items())
    assert all(np.array_equal(state[name], s) for name, s in network[1].items())
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_another_last_layer_is_left_as_it_is(tmp_path, rng, network):
    save_weights(tmp_path / "net", *network)
    params, _ = load_pretrained(tmp_path / "net", *init_resnet(rng, 10, outputs=257, width=4))
    assert params["fc.weight"].shape == (32, 257)
    assert not params["fc.weight"].any()
    assert np.array_equal(params["layer4.0.conv2.weight"], network[0]["layer4.0.conv2.weight"])


def test_a_file_of_another_network_names_the_first_difference(tmp_path, rng, network):
    save_weights(tmp_path / "net", *network)
    with pytest.raises(DataError, match=r"layer1\.1\.conv1\.weight is missing"):
        load_pretrained(tmp_path / "net", *init_resnet(rng, 18, width=4))
    with pytest.raises(DataError, match=r"conv1.weight: expected .* of shape \(8, 3, 7, 7\), got float32 \(4, 3, 7, 7\)"):
        load_pretrained(tmp_path / "net", *init_resnet(rng, 10, width=8))
    deep = init_resnet(rng, 18, outputs=5, width=4)
    save_weights(tmp_path / "deep", *deep)
    with pytest.raises(DataError, match=r"layer1\.1\..*: this network has no such parameter"):
        load_pretrained(tmp_path / "deep", *network)


@pytest.mark.parametrize(("name", "value", "message"),
                         [("bn1.weight", np.nan, "not finite"), ("bn1.running_var", -1.0, "negative variance")])
def test_broken_numbers_are_refused(tmp_path, network, name, value, message):
    broken = {**network[0], **network[1], name: np.full(4, value, np.float32)}
    save_weights(tmp_path / "net", broken, {})
    with pytest.raises(DataError, match=message):
        load_pretrained(tmp_path / "net", *network)


def test_other_number_types(tmp_path):
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    half, wide = values.astype(np.float16), values.astype(np.float64)
    brain = (values.view(np.uint32) >> 16).astype(np.uint16)
    _write_zip(tmp_path / "x.pth", [_tensor("0", half, "HalfStorage"), _tensor("1", wide, "DoubleStorage"),
                                    _tensor("2", brain, "BFloat16Storage")], {"0": half, "1": wide, "2": brain})
    assert all(np.array_equal(array, values) for array in read_pth(tmp_path / "x.pth").values())


def test_views_and_shared_storages(tmp_path):
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    _write_row(tmp_path / "x.pth", [_tensor("0", data), [_tensor("0", data.T, shape=(4, 3))]], {"0": data})
    tensors = read_pth(tmp_path / "x.pth")
    assert np.array_equal(tensors["0"], data)
    assert np.array_equal(tensors["1.0"], data.T)


SMALL = np.ones(4, np.float32)
HOSTILE = {
    "runs a command": ([_Call(_Global("os", "system"), "touch PWNED")], "asks for os.system"),
    "evaluates": ([_Call(_Global("builtins", "eval"), "1")], "asks for builtins.eval"),
    "torch but not a tensor": ([_Call(_Global("torch.serialization", "load"), "x")], "asks for torch.serialization.load"),
    "reads behind its storage": ([_tensor("0", SMALL, shape=(5,))], "does not fit into its storage"),
    "blows up by strides of 0": ([_tensor("0", SMALL, shape=(1 << 30,), stride=(0,))], "does not fit into its storage"),
    "negative shape": ([_tensor("0", SMALL, shape=(-4,))], "expected a count"),
    "storage larger than the file": ([_tensor("0", SMALL, count=1 << 31)], "more numbers|cut short|the file has|its description"),
    "storage that is not there": ([_tensor("7", SMALL)], "the file has none|KeyError|holds|in its description"),
    "no tensors": ([1, 2], "holds no tensors"),
    "a number": (5, "holds no tensors|in its description"),
}


@pytest.mark.parametrize("write", [_write_zip, _write_row])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions_are_refused(tmp_path, monkeypatch, write, name):
    monkeypatch.chdir(tmp_path)
    tree, message = HOSTILE[name]
    write("x.pth", tree, {"0": SMALL} if "0" in str(name) or name != "no tensors" else {})
    with pytest.raises(DataError, match=message):
        read_weights("x.pth")
    assert [p.name for p in tmp_path.iterdir()] == ["x.pth"]


def test_broken_files_are_refused(tmp_path, network):
    _torch_file(tmp_path / "good.pth", _write_row, network)
    good = (tmp_path / "good.pth").read_bytes()
    save_weights(tmp_path / "good.safetensors", *network)
    safe = (tmp_path / "good.safetensors").read_bytes()
    lists = b"\x80\x02" + b"]q\x00" + b"".join(b"(" + b"h\x00" * 50 + b"eh\x00" for _ in range(3)) + b"."
    broken = [b"", b"\x80", good[:500], good[: len(good) // 2], good[:-1], safe[:50], safe[:-4], bytes(1000),
              b"PK\x03\x04" + bytes(100), b"\x80\x02}r\xff\xff\xff\xff.", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f", lists,
              b"version https://git-lfs.github.com/spec/v1\n"]
    for data in broken:
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(DataError):
            read_weights(tmp_path / "x")


def test_a_failed_write_leaves_the_old_file(tmp_path, network, monkeypatch):
    path = tmp_path / "net"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        save_weights(path, *network)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
    with pytest.raises(ResourceError):
        save_weights(tmp_path / "no" / "folder", *network)


@pytest.mark.skipif(not KIT.exists(), reason="set MGCBOOK_REALKIT to a folder of real and hostile files")
def test_real_and_hostile_files_of_the_kit():
    tensors = read_pth(KIT / "formats" / "camera_graph.pth")
    assert [array.shape for array in tensors.values()] == [(20, 3, 3), (20, 3), (190, 3, 3), (190, 3), (190, 2)]
    for path in (KIT / "hostile").iterdir():
        with pytest.raises(DataError):
            read_weights(path)
