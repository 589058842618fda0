# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · A convolutional network
#
# A photograph goes in, 257 numbers come out. What stands between is one long
# formula with 24 million numbers in it, and learning means to find them. We
# build that formula, ResNet-50, from three small parts: a window that slides
# over a picture, a rule that keeps numbers at a sane size, and a wire that
# leads around both. It is a function of a dict of arrays, and before its first
# step it answers every photograph with the mean face.
#
# You need chapter 2 (gradients).

# %% tags=["parameters"]
import os

FAST = os.environ.get("MGCBOOK_FAST") == "1"
frames = 3 if FAST else 6  # pictures kept for readers without a kernel
steps = 12 if FAST else 150  # of learning, at the end

# %%
import numpy as np

from mgcbook.book import figures
from mgcbook.book.exercises import check, solution
from mgcbook.book.sketches import network as sketches
from mgcbook.book.sketches.curves import curves, smooth
from mgcbook.book.widgets import slider, strip
from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import align, alignment_template
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.render import composite
from mgcbook.learning import nn, optim
from mgcbook.learning import resnet as library
from mgcbook.learning.decoder import Decoder
from mgcbook.tape import value_and_grad

# %% [markdown]
# ## Nine numbers that see an edge
#
# Take a pixel and its eight neighbours. Multiply each of the nine by a number
# of your choice, and add up. Do so at every pixel, with the same nine numbers.

# %% tags=["hide-input"]
model = builtin.load("light")
sample = sample_photo.load()
template = alignment_template(model)
photo = align(sample.image, sample.landmarks, template).image  # (224, 224, 3)
photo = photo.astype(np.float64)

# %%
grey = photo.mean(axis=-1)
slope_right = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
slope_down = slope_right.T


def edges(direction):
    """How much brighter the photograph gets in this direction; degrees."""
    a = np.radians(direction)
    kernel = np.cos(a) * slope_right + np.sin(a) * slope_down
    padded = np.pad(grey, 1, mode="edge")
    answer = sum(kernel[i, j] * padded[i : i + 224, j : j + 224]
                 for i in range(3) for j in range(3))
    relief = 0.5 + 2.5 * answer[40:200, 32:192, None]
    return np.repeat(relief, 3, axis=-1)


strip(edges, direction=(0, 90, 180), unit="°", width=4.6)

# %% [markdown]
# Bright is where the photograph gets brighter in that direction, dark where it
# gets darker. Move the slider: it is as if a lamp went around the face.

# %%
slider(
    edges,
    direction=(0, 360, 45),
    unit="°",
    frames=frames,
    alt="the edges of a photographed face in the chosen direction, like a "
    "relief that is lit from a side",
)

# %% [markdown]
# Nobody chooses these numbers in a network: they are learned. And pictures
# between the layers have not three colours but 64 or 2048 **channels**, each
# the answer to a question of its own. A window of $3 \times 3$ pixels sees all
# channels, and there is one set of numbers, a *kernel*, for each channel of the
# output.

# %%
sketches.window(size=6, kernel=3, stride=2, padding=1)

# %% [markdown]
# The window goes on by $s$ pixels at a time, the *stride*, and around the
# picture is a frame of $p$ zeros, the *padding*. With the kernels $w$, this is
# the whole of a **convolution**:
#
# $$y_{r,c,o} = \sum_{i,j,k} x_{s r + i - p,\; s c + j - p,\; k}\; w_{i,j,k,o}$$
#
# In arrays: `x` is (B, H, W, C), the kernels are (kh, kw, C, O). Word by word:

# %%
def convolve_slowly(x, weight, stride=1, padding=0):
    """One output pixel after the other; -> (B, H', W', O)."""
    kh, kw, _, out = weight.shape
    pad = (0, 0), (padding, padding), (padding, padding), (0, 0)
    x = np.pad(x, pad)
    height = (x.shape[1] - kh) // stride + 1
    width = (x.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), height, width, out))
    for r in range(height):
        for c in range(width):
            top, left = stride * r, stride * c
            seen = x[:, top : top + kh, left : left + kw]
            y[:, r, c] = np.einsum("bijk,ijko->bo", seen, weight)
    return y

# %% [markdown]
# ## Windows as rows
#
# Each output pixel is a sum of products: all that a window sees, times a
# kernel. Write what each window sees as one row of a matrix, and the kernels as
# columns. Then the convolution is **one matrix product**, for which every
# computer has a fast program. (The trick is called *im2col*.)

# %% tags=["hide-input"]
eye = grey[85:115:5, 74:104:5]  # 6 x 6 pixels of an eye
windows = np.stack([eye[r : r + 3, c : c + 3].ravel()
                    for r in range(4) for c in range(4)])
kernels = np.stack([slope_right.ravel(), slope_down.ravel()], axis=1)
sketches.matrix_product(eye, windows, kernels, windows @ kernels, shown=6)

# %% [markdown]
# **Exercise 11.1** (15 minutes). Make that matrix for a batch of pictures with
# channels. The row of a window holds its $kh \cdot kw \cdot C$ numbers in the
# order of `weight`: rows, columns, channels. No loop over output pixels is
# needed: the upper left corner of *all* windows is one slice of the picture,
# and so is each of the other $kh \cdot kw$ places. `solution("11.1")` shows the
# book's version.

# %% tags=["exercise"]
def patches(x, kh, kw, stride, padding):
    """What each window sees; (B, H, W, C) -> (B, H', W', kh kw C).

    H' = (H + 2 padding - kh) // stride + 1; outside of the picture is 0.
    """
    ...

# %%
check("11.1", patches)

# %% [markdown]
# From here on the book's own version is used, so you can read on either way.

# %%
from mgcbook.kernels.twins.conv import patches


def convolve(x, weight, stride=1, padding=0):
    """Convolution as a matrix product; -> (B, H', W', O)."""
    kh, kw, _, out = weight.shape
    rows = patches(x, kh, kw, stride, padding)
    return rows @ np.reshape(weight, (-1, out))


rng = np.random.default_rng(11)
x, weight = rng.normal(size=(2, 9, 8, 3)), rng.normal(size=(3, 3, 3, 4))
for how in ((1, 0), (1, 1), (2, 1)):
    slow = convolve_slowly(x, weight, *how)
    assert np.allclose(convolve(x, weight, *how), slow)

# %% [markdown]
# The gradient comes for nothing. `patches` is made of slices that are laid side
# by side, and the tape of chapter 2 has a rule for each. Backwards, every pixel
# collects from all windows that saw it. The library's `conv2d` does the same by
# hand, in compiled loops:

# %%
wanted = rng.normal(size=(2, 5, 4, 4))


def slopes(convolution):
    """Gradients with respect to the pictures and to the kernels."""
    loss = lambda x, w: np.sum(wanted * convolution(x, w))
    to_x = value_and_grad(loss)(x, weight)[1]
    return to_x, value_and_grad(lambda w: loss(x, w))(weight)[1]


ours = slopes(lambda x, w: convolve(x, w, 2, 1))
theirs = slopes(lambda x, w: nn.conv2d(x, w, stride=2, padding=1))
assert all(map(np.allclose, ours, theirs))
print("both gradients agree")

# %% [markdown]
# Why do the channels come last? Because then all channels of a pixel lie side
# by side in memory, and for a window of one pixel the matrix *is* the picture:
# nothing has to be copied. That is the common case:

# %%
deep, _ = library.init_resnet(np.random.default_rng(0), depth=50)
kernels = [array.shape for array in deep.values() if array.ndim == 4]
ones = [shape for shape in kernels if shape[:2] == (1, 1)]
print(f"{len(ones)} of the {len(kernels)} convolutions of ResNet-50 are 1 x 1")
assert x.strides[-1] == x.itemsize  # the next channel is the next number
assert np.array_equal(patches(x, 1, 1, 1, 0), x)

# %% [markdown]
# ## Numbers of a sane size
#
# Lay thirty convolutions one after the other, with $\max(0, x)$ in between so
# that they do not collapse into one. Each multiplies by random numbers. What
# becomes of the size of what passes through?

# %%
channels, depth = 16, 30
start = rng.normal(size=(8, 12, 12, channels))
layers = rng.normal(size=(60, 3, 3, channels, channels))
layers *= np.sqrt(2 / (9 * channels))  # He et al. 2015: keeps sizes, roughly


def sizes(factor, rescaled=False):
    """Mean square root of the channels after each layer."""
    x, sizes = start, [1.0]
    for weight in layers[:depth]:
        x = np.maximum(nn.conv2d(x, factor * weight, padding=1), 0)
        if rescaled:
            x = x / np.sqrt(np.mean(x**2, axis=(0, 1, 2)))
        sizes.append(np.sqrt(np.mean(x**2)))
    return sizes

# %% tags=["hide-input"]
lines = {f"kernels times {factor}": sizes(factor) for factor in (1.4, 1.0, 0.7)}
lines["rescaled"] = sizes(1.4, rescaled=True)
assert lines["kernels times 1.4"][-1] > 100 > 1e-3 > sizes(0.7)[-1]
curves(
    {name: (range(depth + 1), line) for name, line in lines.items()},
    "layer",
    "size of the numbers",
    logarithmic=True,
    room=0.33,
    width=4.6,
    height=2.6,
    colors=(figures.RED, figures.BLUE, figures.ORANGE, figures.GREEN),
    alt="through thirty layers numbers explode or vanish, unless they are "
    "rescaled in each layer",
)

# %% [markdown]
# A few tens of percent in each layer, and after thirty layers the numbers have
# exploded or vanished; and while learning goes on, nobody holds the kernels in
# place. The green line is the cure: measure the size in each layer and divide
# by it. **Batch normalisation** does so for each channel, over all pixels of
# all pictures of the batch, and takes the mean off as well:
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad\qquad
# y = \gamma\,\hat x + \beta$$
#
# The numbers $\gamma$ and $\beta$, one of each for a channel, are learned: the
# layer may have any size it needs, but now that is one number, and not an
# accident of all kernels below.
#
# One question is left. A photograph that comes alone has no batch, and the
# answer should not depend on its companions. So during training we keep running
# averages of $\mu$ and $\sigma^2$, and afterwards use those.
#
# **Exercise 11.2** (15 minutes). Both, in training and afterwards. The tape
# will find the gradient. Two details follow PyTorch, so that published weights
# fit: the variance that is *divided by* is the plain mean of the squares of
# $x - \mu$; the one that is *remembered* is unbiased, $n/(n-1)$ times as large,
# where $n$ counts the pixels of all pictures.

# %% tags=["exercise"]
def batch_norm(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
    """Normalise each channel; (B, H, W, C), (C,), (C,) -> (y, new running).

    running is (mean, variance), (C,) each. In training they move towards those
    of the batch: (1 - momentum) old + momentum new. Otherwise they are used.
    """
    ...

# %%
check("11.2", batch_norm)

# %%
from mgcbook.learning.nn import batch_norm

fresh = np.zeros(3), np.ones(3)
alone, crowd = x[:1], np.concatenate([x[:1], 5 + x[1:]])
ones, zeros = np.ones(3), np.zeros(3)
first, after = batch_norm(alone, ones, zeros, fresh, train=True)
again, _ = batch_norm(crowd, ones, zeros, fresh, train=True)
print(f"in training, with other companions it moved by "
      f"{np.ptp(first - again[:1]):.1f}")
settled = [batch_norm(b, ones, zeros, after, train=False)[0][:1]
           for b in (alone, crowd)]
assert np.array_equal(*settled)  # afterwards nobody else matters

# %% [markdown]
# **Its gradient** is worth a minute, because it explains the layer. $\mu$ and
# $\sigma$ depend on all pixels, so the chain rule has three ways back: straight
# through, by way of $\mu$, by way of $\sigma$. With $\bar y$ for the gradient
# that arrives, and means over all pixels of all pictures, they add up to
#
# $$\bar x = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \left(\bar y - \mathrm{mean}(\bar y)
# - \hat x\;\mathrm{mean}(\bar y\,\hat x)\right)$$
#
# That is $\bar y$ with two directions removed: all pixels up together, and all
# pixels further apart together. Of course: the layer undoes just these two
# changes, so whatever changes in these directions, the loss does not see it.

# %%
def norm_gradient(g, x, weight, epsilon=1e-5):
    """The gradient of batch norm with respect to x, by hand."""
    mean = lambda a: np.mean(a, axis=(0, 1, 2))
    inverse = 1 / np.sqrt(mean((x - mean(x)) ** 2) + epsilon)
    x_hat = (x - mean(x)) * inverse
    return weight * inverse * (g - mean(g) - x_hat * mean(g * x_hat)), x_hat


gamma, g = rng.normal(size=3), rng.normal(size=x.shape)
loss = lambda x: np.sum(g * batch_norm(x, gamma, zeros, fresh, train=True)[0])
by_hand, x_hat = norm_gradient(g, x, gamma)
assert np.allclose(value_and_grad(loss)(x)[1], by_hand)
assert np.allclose(by_hand.sum(axis=(0, 1, 2)), 0)  # all up together
assert np.abs((by_hand * x_hat).sum(axis=(0, 1, 2))).max() < 1e-2  # epsilon

# %% [markdown]
# ## A wire around
#
# Now numbers stay of a size, and networks may be deep. Are deep ones better? A
# face turns slowly from one side to the other. It passes through layers with
# random kernels, normalised. We follow *one* number of the result.

# %% tags=["hide-input"]
degrees = np.linspace(-40, 40, 81)


def turned(degrees, side):
    """The mean face in front of grey, turned; (N,) -> (N, side, side, 3)."""
    fine = PAPER_CAMERA.resized(64, 64)  # then averaged, for smooth changes
    decoder = Decoder(model, fine, turn_about_face=True)
    codes = decoder.zeros(len(degrees))
    codes[:, decoder.layout.slices["rotation"].start + 1] = np.radians(degrees)
    seen = decoder(codes)
    image = composite(seen.image, seen.mask, np.full_like(seen.image, 0.5))
    parts = image.reshape(len(image), side, 64 // side, side, 64 // side, 3)
    return parts.mean(axis=(2, 4))


turning = turned(degrees, 16)
figures.image_row(
    turned(np.linspace(-40, 40, 7), 32),
    width=5.6,
    nearest=True,
    alt="a face of 32 x 32 pixels turns from one side to the other",
)

# %%
def one_number(wire, depths=(4, 60)):
    """A mix of the channels of a pixel; -> [(title, (N,)), ...]."""
    norm = lambda z: nn.normalise(z, ones, 0 * ones)[0]
    ones, mix = np.ones(channels, np.float32), layers[0, 0, 0, 0]
    x = norm(np.pad(turning, ((0, 0),) * 3 + ((0, channels - 3),)))
    seen = []
    for count in range(2, depths[-1] + 1, 2):
        first, second = layers[count - 2 : count].astype(np.float32)
        y = np.maximum(norm(nn.conv2d(x, first, padding=1)), 0)
        y = norm(nn.conv2d(y, second, padding=1))
        x = np.maximum(y + x, 0) if wire else np.maximum(y, 0)
        if count in depths:
            seen.append((f"{count} layers", x[:, 8, 8] @ mix))
    return seen


rows = {"plain": one_number(False), "with wires": one_number(True)}
sketches.walks(degrees, rows)

# %% [markdown]
# Four plain layers change as slowly as the face does. Sixty make noise of it:
# two pictures that hardly differ have answers that have nothing to do with each
# other, and a slope measured at one says nothing about the next. There is no
# walking downhill on that. In the lower row there is one change:
# every second layer, **the input is added to the output**.
#
# $$y = \max\left(0,\; F(x) + x\right)$$
#
# $F$ only has to say what should *change*, and the slope always finds a short
# way back along the wire. (He et al. 2016; the noise: Balduzzi et al. 2017.)

# %%
jump = lambda line: np.sqrt(np.mean(np.diff(line) ** 2)) / np.std(line)
rough = {name: jump(row[-1][1]) for name, row in rows.items()}
print(", ".join(f"{name}: {value:.2f}" for name, value in rough.items()),
      "deviations from one picture to the next, after 60 layers")
assert rough["plain"] > 1.5 * rough["with wires"]
sketches.blocks()

# %% [markdown]
# These are the two blocks that are in use. Where the picture shrinks or gets
# more channels, $x$ does not fit $F(x)$, and the wire gets a $1 \times 1$
# convolution of its own.
#
# ## A network is a function of a dict
#
# That was all. The rest is bookkeeping, and the names in the dict do it. They
# are those of torchvision, so that published weights find their places:

# %%
params, state = library.init_resnet(np.random.default_rng(0), depth=18)
for name in list(params)[:4] + list(params)[-6:]:
    print(f"{name:26}{params[name].shape}")
count = sum(array.size for array in params.values())
print(f"ResNet-18: {count:,} numbers in {len(params)} arrays")
count = sum(array.size for array in deep.values())
print(f"ResNet-50: {count:,} numbers in {len(deep)} arrays")

# %% [markdown]
# First a $7 \times 7$ window of stride 2 and the largest of each $3 \times 3$
# (*max pooling*): a picture of 224 x 224 becomes 56 x 56. Then four *layers*,
# each some blocks long; all but the first halve the picture and double the
# channels. How many blocks, and of which kind, the names say:

# %%
def blocks(params):
    """(name, stride) of each residual block in order."""
    for layer in (1, 2, 3, 4):
        names = [f"layer{layer}.{number}" for number in range(40)]
        for number, name in enumerate(names):
            if f"{name}.conv1.weight" in params:
                yield name, 2 if layer > 1 and number == 0 else 1


def block(params, unit, name, x, stride):
    """A residual block; unit(conv, norm, x, stride) is conv and norm."""
    count = 3 if f"{name}.conv3.weight" in params else 2
    strided = 2 if count == 3 else 1  # its 3 x 3 window
    y = x
    for i in range(1, count + 1):
        names = f"{name}.conv{i}", f"{name}.bn{i}"
        last = unit(*names, y, stride if i == strided else 1)
        y = np.maximum(last, 0)
    if f"{name}.downsample.0.weight" in params:
        x = unit(f"{name}.downsample.0", f"{name}.downsample.1", x, stride)
    return np.maximum(last + x, 0)

# %%
def maps(params, images, state, new_state, train):
    """The pictures between the stages, one after the other; a generator."""

    def unit(conv, norm, x, stride):
        weight = params[f"{conv}.weight"]
        z = convolve(x, weight, stride, len(weight) // 2)
        about = f"{norm}.running_mean", f"{norm}.running_var"
        gamma, beta = params[f"{norm}.weight"], params[f"{norm}.bias"]
        running = tuple(state[name] for name in about)
        y, running = batch_norm(z, gamma, beta, running, train=train)
        new_state.update(zip(about, running))
        return y

    x = (images - library.IMAGENET_MEAN) / library.IMAGENET_DEVIATION
    x = np.maximum(unit("conv1", "bn1", x, 2), 0)
    rows = patches(x, 3, 3, 2, 1)  # max pooling: after max(0, x), 0 is least
    x = np.max(np.reshape(rows, (*rows.shape[:3], 9, x.shape[3])), axis=3)
    yield "stem", x
    for name, stride in blocks(params):
        x = block(params, unit, name, x, stride)
        yield name, x

# %%
def resnet(params, images, state, train=False):
    """Images to coefficients; (B, H, W, 3) -> (B, K), new state."""
    new_state = {}
    for _, x in maps(params, images, state, new_state, train):
        pass
    features = np.mean(x, axis=(1, 2))  # (B, C): where no longer matters
    return features @ params["fc.weight"] + params["fc.bias"], new_state

# %% [markdown]
# That is ResNet-18, ResNet-50 and every other depth. Where are its numbers, and
# where its work? A kernel is used once for each pixel of its output. So the
# work is spread over all layers, and the numbers pile up at the end, where
# pixels are few and channels many:

# %%
def work(params, side):
    """Multiplications for one picture, by stage; -> dict."""
    side //= 2
    total = {"stem": params["conv1.weight"].size * side**2}
    side //= 2
    for name, stride in blocks(params):
        strided = "conv2" if f"{name}.conv3.weight" in params else "conv1"
        done = 0
        for part in ("conv1", "conv2", "conv3", "downsample.0"):
            if part == strided:
                side //= stride
            if f"{name}.{part}.weight" in params:
                done += params[f"{name}.{part}.weight"].size * side**2
        layer = name.split(".")[0]
        total[layer] = total.get(layer, 0) + done
    total["fc"] = params["fc.weight"].size
    return total

# %%
amount = {18: work(params, 224), 50: work(deep, 224)}
for depth, parts in amount.items():
    print(f"ResNet-{depth}: {sum(parts.values()) / 1e9:.2f} billion "
          "multiplications for a picture of 224 x 224")
numbers = [
    sum(array.size for name, array in deep.items()
        if name.startswith(("conv1", "bn1") if stage == "stem" else stage))
    for stage in amount[50]
]
assert sum(numbers) == sum(array.size for array in deep.values())
sketches.budget(list(amount[50]), numbers, list(amount[50].values()))

# %% [markdown]
# ## What one pixel sees
#
# A window of three pixels sees three. But the pixels that it sees have seen
# three each, and so on: a window of size $k$ adds $k - 1$ steps, and a step is
# as long as all strides before have made it.

# %%
def receptive_field(windows):
    """Side of what one output pixel sees; [(size, stride), ...] -> pixels."""
    side, step = 1, 1
    for size, stride in windows:
        side += (size - 1) * step
        step *= stride
    return side


def windows_until(params, last):
    """(size, stride) of all windows up to the end of this block or layer."""
    found = [(7, 2), (3, 2)]  # the stem
    for name, stride in blocks(params):
        if last != "stem" and name.split(".")[0] <= last:
            strided = 2 if f"{name}.conv3.weight" in params else 1
            for i in (1, 2, 3):
                if f"{name}.conv{i}.weight" in params:
                    size = len(params[f"{name}.conv{i}.weight"])
                    found.append((size, stride if i == strided else 1))
    return found


assert receptive_field([(3, 1), (3, 1)]) == 5

# %% [markdown]
# The tape can check this: a pixel sees what its slope reaches, in one picture
# or another. (Not in training: there batch norm lets every pixel see *all*
# pictures.)

# %%
narrow, at_rest = library.init_resnet(
    np.random.default_rng(1), depth=18, width=4, dtype=np.float64
)
noise = rng.random((16, 80, 80, 3))


def reached(stage):
    """Side of the square that one pixel of this stage has a slope to."""

    def pixel(images):
        for name, x in maps(narrow, images, at_rest, {}, False):
            if name == stage:
                middle = x.shape[1] // 2
                return np.sum(x[:, middle, middle])

    _, slope = value_and_grad(pixel)(noise)
    touched = np.abs(slope).sum(axis=(0, 3)) > 0
    return np.ptp(np.nonzero(touched.any(axis=0))[0]) + 1


for stage, last in (("stem", "stem"), ("layer1.1", "layer1")):
    assert reached(stage) == receptive_field(windows_until(narrow, last))

# %%
stages = "stem", "layer1", "layer2", "layer3", "layer4"
sees = {name: receptive_field(windows_until(deep, name)) for name in stages}
print(f"a pixel at the end sees {sees['layer4']} pixels; "
      f"the photograph has {len(photo)}")
assert sees["layer3"] > len(photo) > sees["layer2"]
sketches.fields(photo, sees)

# %% [markdown]
# The stem sees the bridge of the nose, the second layer eyes and mouth, and
# from the third layer on each pixel sees the whole face. A shift of the face
# shifts all maps and changes little else; the mean over all pixels, at the end,
# even forgets *where*. Whatever a pixel has to say about the place of the face,
# it must say in its channels. It can: the zeros around the picture show it
# where the border is.

# %% [markdown]
# ## The first answer
#
# The last layer makes 257 numbers of 2048. How should it begin? All other
# kernels begin at random. Let us see what the decoder of chapters 3 to 6 makes
# of the answers to four photographs, before any learning; above with zeros,
# below with random numbers:

# %% tags=["hide-input"]
faces = SyntheticFaces(SyntheticConfig(seed=11, size=64), truth=False)
photos = np.concatenate(list(faces.batch([0, 1])["images"]))
shown = Decoder(model, PAPER_CAMERA.resized(64, 64))
limit = np.sqrt(6 / (2048 + 257))  # what the authors' program draws from
head = rng.uniform(-limit, limit, (2048, 257)).astype(np.float32)
_, before = library.init_resnet(np.random.default_rng(0), depth=50)

# %%
def answers(last_layer):
    """The network's first answers, drawn over the photographs."""
    start = {**deep, "fc.weight": last_layer}
    codes, _ = library.resnet(start, photos, before, train=True)
    seen = shown(codes)
    return codes, composite(seen.image, seen.mask, photos)[:4]


codes, first = answers(np.zeros((2048, 257), np.float32))
assert not codes.any()
wild, strange = answers(head)
figures.image_row(
    np.concatenate([first, strange], axis=1),
    width=3.9,
    alt="with zeros, above, the mean face before each of four photographs; "
    "with random numbers, below, garish masks turned to all sides",
)

# %% [markdown]
# With zeros, every answer is 0, and 0 is the mean face in the main pose: there
# is a face in the picture, near the one in the photograph, and all losses of
# Eq. 6 have something to pull at. With random numbers the first faces are

# %%
parts = shown.layout.split(wild)
turns = np.degrees(np.abs(parts["rotation"])).mean()
print(f"turned by {turns:.0f} degrees on average, and their identities are "
      f"{np.abs(parts['identity']).mean():.1f} deviations from the mean")
assert turns > 20

# %% [markdown]
# That is a long way back, and a face that has left the picture has no slope to
# come back by. But does the rest of the network learn at all, behind a layer of
# zeros? Not in the first step:

# %%
targets = rng.normal(size=(6, 2))
tiny, at_rest = library.init_resnet(rng, depth=10, outputs=2, width=8)
miss = lambda p: np.mean((library.resnet(p, photos, at_rest, train=True)[0]
                          - targets.astype(np.float32)) ** 2)
_, slopes = value_and_grad(miss)(tiny)
learning = [name for name, slope in slopes.items() if np.any(slope)]
print("a slope that is not 0:", ", ".join(learning))
assert set(learning) == {"fc.weight", "fc.bias"}

stepped = {name: p - 0.1 * slopes[name] for name, p in tiny.items()}
_, slopes = value_and_grad(miss)(stepped)
assert all(np.any(slope) for slope in slopes.values())  # from then on, all

# %% [markdown]
# ## Walking downhill
#
# The plain way is `params - rate * slope`. But slopes have units. Measure a
# number in thousandths, and it needs steps a thousand times as long; its slope
# gets a thousand times as small. **Adam** keeps two running means for each
# number, of its slope $g$ and of its square, and walks
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g \qquad
# v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2 \qquad
# p \leftarrow p - \mathrm{rate}\;\frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# Slope over typical slope: the unit is gone, and a step is about `rate` long.
# $m$ and $v$ begin at 0, and are too small at first; $\hat m = m / (1 -
# \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$ in step $t = 1, 2, \dots$ make
# up for that.
#
# **Exercise 11.3** (15 minutes). One step, for a dict of arrays. Change nothing
# in place. (`donate` is a promise that the library makes use of; ignore it.)

# %% tags=["exercise"]
def adam(
    params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8,
    donate=False,
):
    """One step; -> (new params, new state).

    state has step (how many were made), and the dicts m and v; make the new
    one by optim.AdamState(step, m, v). Parameters without gradient stay.
    """
    ...

# %%
check("11.3", adam)

# %% [markdown]
# To see it all work, a small task with a known answer: how far is this face
# turned, and does it look up or down? Random faces in random light, 32 x 32
# pixels; a narrow ResNet-10 with two outputs, in radians.

# %%
from mgcbook.learning.optim import adam

decoder = Decoder(model, PAPER_CAMERA.resized(32, 32), turn_about_face=True)
count = 64 if FAST else 480
codes = decoder.zeros(count)
place = decoder.layout.slices
drawn = model.sample(rng, count)
for name in ("identity", "albedo"):
    codes[:, place[name]] = drawn[name]
angles = rng.uniform((-0.3, -0.9), (0.3, 0.9), (count, 2)).astype(np.float32)
codes[:, place["rotation"].start : place["rotation"].start + 2] = angles
lamp = 0.1 * rng.normal(size=(count, 9))  # white: the same for all colours
codes[:, place["light"]] = np.tile(lamp, 3)
seen = decoder(codes)
pictures = composite(seen.image, seen.mask, np.full_like(seen.image, 0.5))
new = slice(0, count // 4)  # never learned from
figures.image_row(pictures[:8], nearest=True, width=6.4,
                  alt="eight random faces in random poses and lights")

# %%
def learn(step, steps, seed=0):
    """Learn the angles; -> (params, running statistics), losses."""
    rng = np.random.default_rng(seed)
    net = library.init_resnet(rng, depth=10, outputs=2, width=8)
    memory, losses = None, []
    for _ in range(steps):
        some = rng.integers(count // 4, count, 32)

        def loss(p):
            out, kept = library.resnet(p, pictures[some], net[1], train=True)
            return np.mean((out - angles[some]) ** 2), kept

        (value, kept), slopes = value_and_grad(loss, has_aux=True)(net[0])
        moved, memory = step(net[0], slopes, memory)
        net = moved, kept
        losses.append(value)
    return net, losses

# %%
def plain(rate):
    return lambda p, g, _: ({name: p[name] - rate * g[name] for name in p}, _)


def by_adam(rate, loud=1.0):
    return lambda p, g, memory: adam(
        p, {name: loud * slope for name, slope in g.items()},
        memory or optim.init_adam(p), rate,
    )


runs = {f"plain, rate {rate:g}": learn(plain(rate), steps)[1]
        for rate in (0.01, 0.1)}
net, runs["Adam, rate 0.003"] = learn(by_adam(3e-3), steps)
_, quiet = learn(by_adam(3e-3), 4)
_, loud = learn(by_adam(3e-3, loud=1000.0), 4)
assert np.allclose(quiet, loud, rtol=1e-2)  # slopes times 1000: same walk

# %% tags=["hide-input"]
curves(
    {name: (range(1, steps + 1), smooth(line, 10))
     for name, line in runs.items()},
    "step",
    "loss (radians squared)",
    logarithmic=True,
    room=0.3,
    colors=(figures.BLUE, figures.RED, figures.GREEN),
    width=4.6,
    height=2.6,
    alt="the loss falls; fastest with Adam, slower with plain steps",
)

# %%
found, _ = library.resnet(net[0], pictures[new], net[1])
miss = np.degrees(np.abs(found - angles[new])).mean(axis=0)
nothing = np.degrees(np.abs(angles[new])).mean(axis=0)
print(f"faces never seen: yaw {miss[1]:.1f}, pitch {miss[0]:.1f} degrees off "
      f"(saying 0: {nothing[1]:.1f} and {nothing[0]:.1f})")
assert FAST or miss[1] < nothing[1] / 3
sketches.found_and_true(*np.degrees([angles[new, 1], found[:, 1]]))

# %% [markdown]
# The yaw is found within a few degrees, the pitch only somewhat better than by
# saying 0. Here the right answers were given. In chapter 12 there are none.
#
# ## Where the paper is silent
#
# The paper says: ResNet-50, started from ImageNet, its last layer replaced by
# one of 257 outputs (Sec. 4.1). The authors' program differs from what readers
# will think of: it builds the network without batch norm, since the library it
# calls has it switched off by default, so of the published weights it can use
# the kernels only; and its last layer is random. We build ResNet-50 as
# published for torchvision, **with** batch norm, so that all published weights
# load, and begin the last layer at zero. Those weights expect colours from
# which the mean of ImageNet was taken off; this is done inside the network, and
# pictures stay in [0, 1] everywhere else.
#
# ## All of it, on one page
#
# `blocks`, `block`, `maps` and `resnet` stand above. The layers and the walk:

# %%
def batch_norm_(x, weight, bias, running, train, momentum=0.1, epsilon=1e-5):
    mean, variance = running
    if train:
        n = x.size // x.shape[-1]
        mean = np.mean(x, axis=(0, 1, 2))
        variance = np.mean((x - mean) ** 2, axis=(0, 1, 2))
        batch = mean, variance * (n / (n - 1))
        running = tuple((1 - momentum) * old + momentum * new
                        for old, new in zip(running, batch))
    return weight * (x - mean) / np.sqrt(variance + epsilon) + bias, running


def adam_(params, grads, state, rate, b1=0.9, b2=0.999, epsilon=1e-8):
    t = state.step + 1
    out, m, v = dict(params), dict(state.m), dict(state.v)
    for name, g in grads.items():
        m[name] = b1 * m[name] + (1 - b1) * g
        v[name] = b2 * v[name] + (1 - b2) * g**2
        m_hat, v_hat = m[name] / (1 - b1**t), v[name] / (1 - b2**t)
        out[name] = out[name] - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return out, optim.AdamState(t, m, v)

# %% [markdown]
# This is `mgcbook.learning.nn.conv2d` and `batch_norm`,
# `mgcbook.learning.resnet.resnet` and `mgcbook.learning.optim.adam`. The
# library's network computes each block as one step of the tape, and its loops
# are compiled. Do they agree?

# %%
few = rng.random((2, 40, 40, 3))
for depth in (18, 50):
    p, s = library.init_resnet(rng, depth, outputs=9, width=8, dtype=np.float64)
    p["fc.weight"] = rng.normal(size=p["fc.weight"].shape)
    for train in (True, False):
        ours, kept = resnet(p, few, s, train)
        theirs, same = library.resnet(p, few, s, train=train)
        assert np.allclose(ours, theirs)
        assert not train or all(np.allclose(kept[n], same[n]) for n in same)
ours = batch_norm_(x, gamma, g[0, 0, 0], fresh, True)
theirs = batch_norm(x, gamma, g[0, 0, 0], fresh, train=True)
assert np.allclose(ours[0], theirs[0]) and np.allclose(ours[1], theirs[1])
walk, same = (step({"p": x}, {"p": g}, optim.init_adam({"p": x}), 0.1)
              for step in (adam_, adam))
assert np.allclose(walk[0]["p"], same[0]["p"])
assert np.allclose(walk[1].v["p"], same[1].v["p"])
print("all agree")

# %% [markdown]
# ## Summary
#
# - A convolution is the same window everywhere: windows as rows, one matrix
#   product. Batch norm keeps its numbers at a size, a wire keeps its slopes.
# - ResNet is a function of a dict with torchvision's names; with a last layer
#   of zeros its first answer is the mean face, where Eq. 6 has slopes.
# - Adam divides each slope by its typical size: steps are as long as the rate
#   says, whatever the unit.
#
# Next: learning from photographs alone, in chapter 12.
