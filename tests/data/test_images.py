"""Pictures become RGB in [0, 1] or a clear error, and are written whole or not at all."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mgcbook.data import images
from mgcbook.errors import DataError, ResourceError


@pytest.fixture
def corners():
    """20 x 30, black but for a red top left, a green top right, a blue bottom left quarter."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15, 0] = pixels[:10, 15:, 1] = pixels[10:, :15, 2] = 255
    return pixels


def png_claiming(width, height):
    """A tiny PNG whose header claims any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_png_round_trip_is_exact(tmp_path, rng):
    image = rng.integers(0, 256, (17, 23, 3)).astype(np.float32) / 255
    images.write_image(tmp_path / "a.png", image)
    back = images.read_image(tmp_path / "a.png")
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, image)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_lossy_round_trip_is_close(tmp_path, name):
    rows, columns = np.mgrid[0:32, 0:48] / 48
    image = np.stack([rows, columns, 1 - columns], axis=-1)
    images.write_image(tmp_path / name, image)
    np.testing.assert_allclose(images.read_image(tmp_path / name), image, atol=0.04)


def test_exif_orientation_is_applied(tmp_path, corners):
    turned = Image.fromarray(np.rot90(corners))  # as a camera held upright stores it: orientation 6 turns it clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), corners / np.float32(255))


@pytest.mark.parametrize("mode, value, expected", [
    ("L", 51, (0.2, 0.2, 0.2)),
    ("I;16", 13107, (0.2, 0.2, 0.2)),
    ("F", 0.2, (0.2, 0.2, 0.2)),
    ("1", 1, (1, 1, 1)),
    ("LA", (51, 255), (0.2, 0.2, 0.2)),
    ("RGBA", (255, 0, 0, 51), (1, 0.8, 0.8)),
    ("CMYK", (0, 255, 255, 0), (1, 0, 0)),
])  # fmt: skip
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode, value, expected):
    Image.new(mode, (18, 16), value).save(tmp_path / "a.tiff")
    image = images.read_image(tmp_path / "a.tiff")
    assert image.shape == (16, 18, 3) and image.dtype == np.float32
    np.testing.assert_allclose(image[3, 4], expected, atol=1e-6)


def test_palette_with_transparency_is_laid_over_white(tmp_path):
    picture = Image.new("P", (16, 16), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), 1.0)


@pytest.mark.parametrize("width, height, message", [
    (20000, 10000, "more than 179 megapixels"),
    (12000, 9000, "12000 x 9000 pixels, 108 megapixels"),
    (15, 200, "15 x 200 pixels"),
    (1, 1, "1 x 1 pixels"),
])  # fmt: skip
def test_sizes_are_refused_before_decoding(tmp_path, width, height, message):
    path = tmp_path / "claims.png"
    path.write_bytes(png_claiming(width, height))
    with pytest.raises(DataError, match=message) as caught:
        images.read_image(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content, message", [
    (b"", "empty"),
    (b"hello, I am a text", "not a known picture format"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    (png_claiming(64, 64), "broken or cut short"),
])  # fmt: skip
def test_files_that_are_no_picture(tmp_path, content, message):
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        images.read_image(path)


def test_half_a_jpeg_is_refused(tmp_path, rng):
    data = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(data, "JPEG")
    (tmp_path / "half.jpg").write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    with pytest.raises(DataError, match=r"cut short.*again"):
        images.read_image(tmp_path / "half.jpg")


def test_missing_files_folders_and_nan(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        images.read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="found a folder"):
        images.read_image(tmp_path)
    Image.fromarray(np.full((16, 16), np.nan, np.float32)).save(tmp_path / "nan.tiff")
    with pytest.raises(DataError, match="NaN"):
        images.read_image(tmp_path / "nan.tiff")


def test_uint8_rounds_clips_and_refuses_nan():
    np.testing.assert_array_equal(images.to_uint8(np.array([-1.0, 0.0, 0.1, 0.9999, 2.0])), [0, 0, 26, 255, 255])
    assert images.to_uint8(np.float32(0.1)) == images.to_uint8(np.array(0.1)) == 26
    with pytest.raises(ValueError, match="1 values are NaN"):
        images.to_uint8(np.array([np.nan, 0.5]))


def test_a_failed_write_keeps_what_was_there(tmp_path, corners, monkeypatch):
    path = tmp_path / "a.png"
    images.write_image(path, corners)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        images.write_image(path, 255 - corners)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_names_and_shapes_that_cannot_be_written(tmp_path, corners):
    for name, image, message in [("a.bmp", corners, "ending in"), ("a.png", corners[:, :, :2], "got"),
                                 ("a.jpg", np.zeros((16, 16, 4)), "transparency")]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            images.write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


def test_gif_keeps_frames_order_and_time(tmp_path, corners):
    frames = [np.full((16, 24, 3), value, np.uint8) for value in (0, 120, 255)]
    images.write_gif(tmp_path / "a.gif", frames, seconds=0.2)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 3 and animation.info["duration"] == 200 and animation.info["loop"] == 0
        for i, value in enumerate((0, 120, 255)):
            animation.seek(i)
            assert abs(int(np.asarray(animation.convert("RGB"))[5, 5, 0]) - value) <= 4
    np.testing.assert_allclose(images.read_image(tmp_path / "a.gif"), 0.0, atol=0.02)
    for bad in ([], [frames[0], corners]):
        with pytest.raises(ValueError, match="one size"):
            images.write_gif(tmp_path / "b.gif", bad)


def test_resize_keeps_a_ramp(rng):
    ramp = np.repeat(((np.arange(64) + 0.5) / 64)[None, :, None], 32, axis=0) * np.ones(3)
    small = images.resize(ramp, 16, 32)
    assert small.shape == (16, 32, 3) and small.dtype == np.float32
    np.testing.assert_allclose(small[4, 2:-2, 1], ((np.arange(32) + 0.5) / 32)[2:-2], atol=1e-6)


def test_real_photographs_are_read(realkit):
    for path in sorted(realkit.glob("photos/*.jpg")) + sorted(realkit.glob("deng_input/*.png")):
        image = images.read_image(path)
        assert image.ndim == 3 and image.shape[2] == 3 and 0.1 < image.mean() < 0.9
    with pytest.raises(DataError, match="cut short"):
        images.read_image(realkit / "hostile" / "truncated.jpg")
    with pytest.raises(DataError, match=r"not a known picture format|git lfs"):
        images.read_image(realkit / "hostile" / "lfs_pointer.mat")


def test_large_png_are_compressed_less_and_lose_nothing(tmp_path, monkeypatch, rng):
    picture = np.repeat(np.repeat(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8), 5, axis=0), 5, axis=1)
    images.write_image(tmp_path / "small.png", picture)
    monkeypatch.setattr(images, "LARGE", 200 * 200)
    images.write_image(tmp_path / "large.png", picture)
    assert (tmp_path / "large.png").stat().st_size > (tmp_path / "small.png").stat().st_size
    for name in ("small", "large"):
        np.testing.assert_array_equal(images.to_uint8(images.read_image(tmp_path / f"{name}.png")), picture)


def test_a_pool_of_threads_may_look_up_the_colours_of_a_film(tmp_path, rng):
    from concurrent.futures import ThreadPoolExecutor

    frames = rng.random((5, 20, 30, 3))
    images.write_gif(tmp_path / "a.gif", frames)
    with ThreadPoolExecutor(3) as pool:
        images.write_gif(tmp_path / "b.gif", frames, each=pool.map)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    images.write_gif(tmp_path / "c.gif", frames, each=lambda function, items: map(function, items[::-1]))
    assert (tmp_path / "a.gif").read_bytes() != (tmp_path / "c.gif").read_bytes()
