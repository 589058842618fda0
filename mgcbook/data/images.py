"""Pictures from and to files: checked before they are decoded, upright, RGB float32 in [0, 1]; written whole or not at all.

A picture from a stranger can be huge, cut short, turned by its EXIF flag, grey, 16 bit deep or half transparent. Here it
becomes one thing, (H, W, 3) float32 in [0, 1] with row 0 on top, or a `DataError` that names the file.
"""

import io
import warnings
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_array, check_shapes
from mgcbook.errors import DataError
from mgcbook.files import atomic_write

MAX_MEGAPIXELS = 50
"""Larger pictures are refused before they are decoded: 50 million RGB pixels take 0.9 GB on the way to float32."""

MIN_SIDE = 16
"""A face needs more pixels than this across."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What Pillow may try: fewer decoders, fewer ways for a hostile file to reach one."""

LARGE = 4_000_000
"""Pixels from which a PNG is compressed less: 12 megapixels then take 0.6 seconds instead of 2, and a fifth more bytes."""

_LFS_POINTER = b"version https://git-lfs"


def read_image(path):
    """Read a photograph: upright, RGB; -> (H, W, 3) float32 in [0, 1].

    Grey becomes three equal channels, transparency is laid over white, an EXIF orientation is applied, of an animation the
    first frame is taken. Values are those of the file divided by its largest value; no gamma is removed (the paper's
    network and renderer work on such values).

    Raises:
        DataError: if there is no such file, if it is no picture, is cut short, is smaller than 16 pixels or larger than 50
            megapixels; the message says what was found and what to do.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: expected a picture, found a folder")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns from 90 megapixels on; the check below is ours
        image = _decode(path)
    low, high = image.min(), image.max()  # NaN if any is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{path}: holds NaN or infinite pixel values; expected finite ones between 0 and 1")
    return np.clip(image, 0.0, 1.0, out=image)


def _decode(path):
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as picture:
            _check_size(path, *picture.size)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return _to_float(picture)
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise _too_large(path, "more than 179 megapixels") from None
    except Image.UnidentifiedImageError:
        raise DataError(f"{path}: {_what_it_is(path)}; expected a picture ({', '.join(FORMATS)})") from None
    except Exception as error:  # a decoder meeting broken bytes raises OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(f"{path}: the picture is broken or cut short ({error}); copy or download it again") from error


def _check_size(path, width, height):
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise _too_large(path, f"{width} x {height} pixels, {width * height / 1e6:.0f} megapixels")
    if min(width, height) < MIN_SIDE:
        raise DataError(f"{path}: found {width} x {height} pixels, expected at least {MIN_SIDE} x {MIN_SIDE}; a face needs more")


def _too_large(path, found):
    return DataError(f"{path}: found {found}, at most {MAX_MEGAPIXELS} megapixels are read; shrink it or cut the face out first")


def _what_it_is(path):
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return "the file is empty"
    if start.startswith(_LFS_POINTER):
        return "found a git-lfs pointer instead of the picture; run `git lfs pull`"
    return f"not a known picture format (it starts with {start[:8]!r})"


def _to_float(picture):
    if picture.mode.startswith(("I", "F")):  # 16 and 32 bit grey, floating point TIFF
        values = np.asarray(picture, dtype=np.float64)
        values = values if picture.mode == "F" else values / 65535.0
        return np.repeat(values[:, :, None], 3, axis=2).astype(np.float32)
    if "A" in picture.getbands() or "transparency" in picture.info:
        return _over_white(picture if picture.mode == "RGBA" else picture.convert("RGBA"))
    pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    picture.close()  # its memory is wanted for the copy
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def _over_white(picture):
    pixels = np.asarray(picture)
    picture.close()
    image = np.empty((*pixels.shape[:2], 3), np.float32)
    for top in range(0, len(pixels), 256):  # in bands: four channels of the whole picture as float32 would be a gigabyte
        rgba = pixels[top : top + 256] / np.float32(255)
        image[top : top + 256] = rgba[..., :3] * rgba[..., 3:] + (1 - rgba[..., 3:])
    return image


# ---------------------------------------------------------------- writing


def to_uint8(image):
    """Nearest of 256 levels, for files and screens; (..., C) in [0, 1] -> uint8 (uint8 passes through).

    Raises:
        ValueError: for NaN, which has no colour.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    check_array("to_uint8", "image", image, "number ...")
    if np.isnan(image).any():
        raise ValueError(f"to_uint8: {int(np.isnan(image).sum())} values are NaN; expected numbers in [0, 1]")
    scaled = np.clip(image, 0.0, 1.0)[...]  # an array even of one number
    scaled *= 255
    return np.rint(scaled, out=scaled).astype(np.uint8)


def write_image(path, image, *, quality=95):
    """Write a picture as PNG, JPEG or WebP, by the ending of the name; (H, W), (H, W, 3) or (H, W, 4) in [0, 1] or uint8.

    Args:
        quality: of JPEG and WebP, 1 to 100.
    Raises:
        ValueError: for another ending or shape.
        ResourceError: if the file cannot be written; what was there before stays.
    """
    from PIL import Image

    path, pixels = Path(path), to_uint8(image)
    formats = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
    if path.suffix.lower() not in formats:
        raise ValueError(f"{path}: expected a name ending in {', '.join(formats)}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(f"write_image: expected (H, W), (H, W, 3) or (H, W, 4), got {pixels.shape}")
    if pixels.shape[-1] == 4 and pixels.ndim == 3 and formats[path.suffix.lower()] == "JPEG":
        raise ValueError(f"{path}: JPEG has no transparency; write (H, W, 3) or use .png")
    data = io.BytesIO()  # encoded in memory first: an encoder's error and a full disk are then told apart
    level = 2 if pixels.shape[0] * pixels.shape[1] >= LARGE else 6
    Image.fromarray(pixels).save(data, format=formats[path.suffix.lower()], quality=quality, compress_level=level)
    with atomic_write(path) as file:
        file.write(data.getvalue())


def write_gif(path, frames, *, seconds=0.08, each=map):
    """Write an endless animation; frames: a sequence of (H, W, 3) pictures in [0, 1] or uint8.

    All frames share the palette of 256 colours chosen for a sheet of some of them, so that still parts do not flicker.

    Args:
        seconds: time of one frame.
        each: who looks up the colours of the frames: a function like `map`, for example that of a pool of threads.
    Raises:
        ValueError: if there is no frame, or their sizes differ, or the name does not end in .gif.
        ResourceError: if the file cannot be written; what was there before stays.
    """
    from PIL import Image

    path, frames = Path(path), [to_uint8(frame) for frame in frames]
    if path.suffix.lower() != ".gif":
        raise ValueError(f"{path}: expected a name ending in .gif")
    if not frames or any(frame.shape != frames[0].shape or frame.ndim != 3 or frame.shape[2] != 3 for frame in frames):
        raise ValueError(f"write_gif: expected frames (H, W, 3) of one size, got {[frame.shape for frame in frames]}")
    sheet = Image.fromarray(np.concatenate(frames[:: max(len(frames) // 8, 1)], axis=0))
    palette = sheet.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *others = each(lambda frame: Image.fromarray(frame).quantize(palette=palette), frames)
    data = io.BytesIO()
    first.save(data, format="GIF", save_all=True, append_images=others, duration=1000 * seconds, loop=0)
    with atomic_write(path) as file:
        file.write(data.getvalue())


@check_shapes(image="number H W C")
def resize(image, height, width):
    """Shrink or enlarge a picture with anti-aliasing; (H, W, 3) in [0, 1] -> (height, width, 3) float32.

    Edges stay edges of the picture: continuous coordinates scale by width / W and height / H.
    """
    from PIL import Image

    image = np.asarray(image, dtype=np.float32)
    # Pillow resizes floating point one channel at a time; 8 bits would cost precision.
    channels = [Image.fromarray(image[:, :, i]).resize((width, height), Image.Resampling.BILINEAR) for i in range(image.shape[2])]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)
