"""Residual networks from photographs to coefficients: functions of a dict of arrays with torchvision's names (He et al. 2016).

    images in [0, 1] -> (minus ImageNet mean, over deviation) -> 7x7 convolution, max pool -> four layers of residual blocks
    (H/4, H/8, H/16, H/32) -> mean over pixels -> linear -> 257 coefficients, all 0 before training: the mean face

The stride of a bottleneck sits on its 3x3 convolution (torchvision; "v1.5"). Weights published for torchvision load into it.
"""

import numpy as np

from ..arrays import check_array, is_device
from . import fused as fast
from . import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Mean and standard deviation of the colours that published weights were trained with."""

DEPTHS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Depth -> residual blocks in each layer; basic blocks of two 3x3 convolutions below 50, bottlenecks from 50 on."""


def init_resnet(rng, depth=50, outputs=257, width=64, dtype=np.float32):
    """Random parameters and fresh running statistics: (params, state), dicts with torchvision's names.

    Convolutions are drawn as in He et al. 2015 (variance 2 / (kh kw out), "fan out"), gammas are 1, betas 0, and the last layer
    is 0. Paper: silent; the authors' code draws it at random; here 0, because then training starts from the mean face in the
    middle of the picture, and random first faces may lie outside of it.

    Args:
        rng: numpy.random.Generator.
        depth: 10, 18, 34 (basic blocks) or 50, 101, 152 (bottlenecks).
        outputs: how many numbers to predict for an image.
        width: channels of the first layer; 64 in published networks, 16 trains in seconds on small pictures.
    Raises:
        ValueError: for an unknown depth, or outputs or width below 1.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, DEPTHS))}, got {depth!r}")
    if min(outputs, width) < 1:
        raise ValueError(f"outputs and width: expected at least 1, got {outputs} and {width}")
    params, state = {}, {}
    for name, shape in _shapes(depth, outputs, width).items():
        if len(shape) == 4:
            deviation = np.sqrt(2 / (shape[0] * shape[1] * shape[3]))
            params[name] = (deviation * rng.standard_normal(shape, np.float32)).astype(dtype)
        elif name.endswith(("running_mean", "running_var")):
            state[name] = np.full(shape, float(name.endswith("var")), dtype)
        else:
            is_gamma = name.endswith("weight") and not name.startswith("fc")
            params[name] = np.full(shape, float(is_gamma), dtype)
    return params, state


def _shapes(depth, outputs, width):
    """Name -> shape of every parameter and running statistic, in torchvision's order."""
    shapes = {}

    def unit(conv, norm, *kernel):
        shapes[f"{conv}.weight"] = kernel
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = kernel[3:]

    unit("conv1", "bn1", 7, 7, 3, width)
    channels = width
    for layer, blocks in enumerate(DEPTHS[depth]):
        middle = width << layer
        out = middle if depth < 50 else 4 * middle
        for block in range(blocks):
            name = f"layer{layer + 1}.{block}"
            kernels = [(3, channels, middle), (3, middle, out)]
            if depth >= 50:
                kernels = [(1, channels, middle), (3, middle, middle), (1, middle, out)]
            for i, (size, *pair) in enumerate(kernels, 1):
                unit(f"{name}.conv{i}", f"{name}.bn{i}", size, size, *pair)
            if block == 0 and (layer > 0 or channels != out):
                unit(f"{name}.downsample.0", f"{name}.downsample.1", 1, 1, channels, out)
            channels = out
    shapes["fc.weight"], shapes["fc.bias"] = (channels, outputs), (outputs,)
    return shapes


def resnet(params, images, state, *, train=False, fused=True, half=False, comm=None):
    """Coefficients of each image, and the new running statistics; (B, H, W, 3) in [0, 1] -> (B, K), state.

    In training, batch norm uses the statistics of the batch and moves the running ones; otherwise it uses the running ones, and
    `state` comes back as it was. Nothing is changed in place.

    Args:
        params, state: as made by `init_resnet` or `weights.load_pretrained`; depth and width are read from them.
        images: pictures of any size from 1 x 1; the type of the parameters decides in which precision is computed.
        train: see above.
        fused: compute each residual block as one step (see fused.py); False takes one step for each layer, for study.
        half: in training, store the maps between the layers in bfloat16; weights, sums and statistics stay in float32.
        comm: in training, processes whose images make one batch together (see nn.BatchStatistics).
    Raises:
        ValueError: if images are not (B, H, W, 3), or a parameter is missing.
    """
    _check_images(images)
    new_state = {}
    run = _Units(params, state, new_state, train, comm)
    if fused and train:
        first, block = _fused_stem, _fused_block
    elif fused and all(isinstance(array, np.ndarray) or is_device(array) for array in (images, *params.values())):
        return prepare_inference(params, state)(images), state  # nobody asks for a gradient
    else:
        first, block = _stem_by_layers, _block_by_layers
    half = half and fused and train
    x = _whitened(images, params["fc.bias"].dtype)
    x = first(run, nn.to_half(x) if half else x)
    for name, stride in _blocks(params):
        x = block(run, name, x, stride)
    x = nn.to_single(x) if half else x
    return nn.linear(nn.mean_pool(x), params["fc.weight"], params["fc.bias"]), new_state if train else state


def prepare_inference(params, state):
    """The trained network as one function, for many pictures: images (B, H, W, 3) in [0, 1] -> coefficients (B, K).

    The running statistics become one scale and one shift for each channel of each convolution, applied with ReLU and shortcut
    while its result is in the cache. That is worked out here, once: 0.1 of the time of `resnet` on 15 x 64 x 64.

    Args:
        params, state: see `resnet`; bare arrays, which must not be written over afterwards (as `adam(..., donate=True)` does).
    """
    run = _Units(params, state, None, False)
    fold = lambda names, stride: (*fast.folded(*run.arrays(*names), run.running(names[1])), stride)
    stem, blocks = fold(("conv1", "bn1"), 2), []
    for name, stride in _blocks(params):
        main, shortcut = run.names(name)
        steps = [fold(names, step) for names, step in zip(main, _strides(len(main), stride), strict=True)]
        blocks.append((steps, fold(shortcut, stride) if shortcut else None))
    head = params["fc.weight"], params["fc.bias"]

    def predict(images):
        _check_images(images)
        x = nn.max_pool(fast.folded_unit(_whitened(images, head[1].dtype), *stem))
        for (*steps, last), shortcut in blocks:
            skip = fast.folded_unit(x, *shortcut, relu=False) if shortcut else x
            for step in steps:
                x = fast.folded_unit(x, *step)
            x = fast.folded_unit(x, *last, skip=skip)
        return nn.linear(nn.mean_pool(x), *head)

    return predict


def _check_images(images):
    check_array("resnet", "images", images, "B H W 3")


def _whitened(images, dtype):
    if isinstance(images, np.ndarray) and images.dtype != dtype:
        images = images.astype(dtype)
    # Filled number by number: that way they stand where the images are, and no host array is moved to a GPU in every step.
    beside = lambda values: np.stack([np.full_like(images, value, dtype=dtype, shape=()) for value in values])
    scale = beside(1 / deviation for deviation in IMAGENET_DEVIATION)
    shift = beside(-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    # Whole rows of pixels at a time: NumPy's inner loop would be 3 numbers long, 10 times slower.
    width = images.shape[2]
    rows = np.reshape(images, (-1, 3 * width)) * np.tile(scale, width) + np.tile(shift, width)
    return np.reshape(rows, images.shape)


def _blocks(params):
    """(name, stride) of each residual block in order."""
    for layer in range(1, 5):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in params:
            yield f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            block += 1
        if block == 0:
            raise ValueError(f"params: layer{layer}.0.conv1.weight is missing; expected the parameters of a residual network")


class _Units:
    """Finds the arrays of one convolution with its batch norm, and collects what the running statistics become."""

    def __init__(self, params, state, new_state, train, comm=None):
        self.params, self.state, self.new_state, self.train, self.comm = params, state, new_state, train, comm

    def names(self, block):
        """(conv, norm) names in the main path, and of the shortcut or None."""
        count = 3 if f"{block}.conv3.weight" in self.params else 2
        shortcut = (f"{block}.downsample.0", f"{block}.downsample.1") if f"{block}.downsample.0.weight" in self.params else None
        return [(f"{block}.conv{i}", f"{block}.bn{i}") for i in range(1, count + 1)], shortcut

    def arrays(self, conv, norm):
        return self.params[f"{conv}.weight"], self.params[f"{norm}.weight"], self.params[f"{norm}.bias"]

    def running(self, norm):
        return self.state[f"{norm}.running_mean"], self.state[f"{norm}.running_var"]

    def keep(self, norm, running):
        self.new_state[f"{norm}.running_mean"], self.new_state[f"{norm}.running_var"] = running

    def move(self, norm, batch):
        """Running statistics after this batch; None (under HIPS autograd) leaves them."""
        self.keep(norm, self.running(norm) if batch is None else nn.update_running(self.running(norm), batch))

    def conv_norm(self, names, x, stride):
        weight, gamma, beta = self.arrays(*names)
        z = nn.conv2d(x, weight, stride=stride, padding=weight.shape[0] // 2)
        y, running = nn.batch_norm(z, gamma, beta, self.running(names[1]), train=self.train, comm=self.comm)
        self.keep(names[1], running)
        return y


def _strides(count, stride):
    return (1, stride, 1) if count == 3 else (stride, 1)


def _stem_by_layers(run, x):
    return nn.max_pool(nn.relu(run.conv_norm(("conv1", "bn1"), x, 2)))


def _block_by_layers(run, name, x, stride):
    main, shortcut = run.names(name)
    y = x
    for names, step in zip(main, _strides(len(main), stride), strict=True):
        last = run.conv_norm(names, y, step)
        y = nn.relu(last)
    return nn.relu(last + (run.conv_norm(shortcut, x, stride) if shortcut else x))


def _fused_stem(run, x):
    out, batch = fast.stem(x, *run.arrays("conv1", "bn1"), comm=run.comm)
    run.move("bn1", batch)
    return out


def _fused_block(run, name, x, stride):
    main, shortcut = run.names(name)
    units = [*main, shortcut] if shortcut else main
    arrays = [array for names in units for array in run.arrays(*names)]
    how = {"strides": _strides(len(main), stride), "projected": shortcut is not None, "comm": run.comm}
    out, statistics = fast.residual_block(x, *arrays, **how)
    for (_, norm), batch in zip(units, statistics or [None] * len(units), strict=True):
        run.move(norm, batch)
    return out
