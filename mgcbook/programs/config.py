"""The settings of a training run: a frozen dataclass, presets, and the JSON form that lies in the run folder."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from mgcbook.errors import DataError, UsageError
from mgcbook.files import atomic_write
from mgcbook.learning.losses import Weights

CONFIG = "config.json"

MAY_CHANGE = frozenset({"steps", "report_every", "snapshot_every", "checkpoint_every", "keep", "tensorboard", "device", "graph"})
"""Settings that may differ when a run goes on: they say how long, where and what is written, not what is computed."""


@dataclass(frozen=True)
class TrainConfig:
    """Train the network on triples of views without knowing the true faces (Sec. 3.8, Eq. 6). The defaults are the paper's."""

    steps: int = 400_000
    """How many steps in all (Sec. 4: 400K)."""
    batch: int = 5
    """Triples of views a step (Sec. 4: 5)."""
    image_size: int = 224
    """Width and height of the images in pixels (Sec. 4: 224)."""
    face: Literal["light", "full"] = "full"
    """Resolution of the built-in face model: about 4K or 36K vertices."""
    depth: Literal[10, 18, 34, 50, 101, 152] = 50
    """Which ResNet (Sec. 4.1: 50)."""
    width: int = 64
    """Channels of the ResNet's first layer; 64 is the standard."""
    pretrained: str = ""
    """Start from these weights: a torchvision .pth, a .safetensors file or the folder of a run; empty: random ones."""
    learning_rate: float = 1e-4
    """Of Adam, at the start (Sec. 4: 1e-4)."""
    schedule: Literal["constant", "cosine", "step"] = "constant"
    """How the learning rate goes on: as it is (paper), down to 0 along a cosine, or a tenth after two thirds of the steps."""
    clip_norm: float = 0.0
    """Gradients longer than this are scaled down to it; 0 leaves them as they are (paper)."""
    rotation_scale: float = 1.0
    """Radians per unit of the network's rotation outputs."""
    translation_scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Millimetres per unit of the network's translation outputs x, y, z."""
    turn_about_face: bool = False
    """Rotate the face about its middle, not about the model's origin behind it (beyond the paper)."""
    reprojected: bool = False
    """Depth loss in the form that is 0 at the truth, not the one of the paper (Eq. 4)."""
    covisible: bool = True
    """Compare views only where both see the face (Sec. 3.4); without it self-occlusion counts as an error (Tab. 3, row 6)."""
    antialiased: bool = False
    """Let the outline of the rendered face pull on its shape (beyond the paper)."""
    weights: Weights = field(default_factory=Weights)
    """Trade-off of the losses."""
    data: str = "synthetic"
    """"synthetic": faces made while training; otherwise a folder with a data set."""
    supervision: Literal["none", "truth"] = "none"
    """"none": learn from photographs and landmarks (Eq. 6, paper); "truth": be told the coefficients of made-up faces, without
    rendering (beyond the paper, see `mgcbook.learning.supervised`)."""
    triples: int = 0
    """How many different synthetic triples, kept in memory (of the GPU, where it computes) and shown again in every round;
    0: none is seen twice, and a GPU waits for each unless it draws them itself."""
    drawn_on: Literal["cpu", "cuda"] = "cpu"
    """Where the pictures of synthetic faces are made; "cuda": on the GPU that trains, while it trains."""
    augmentation: float = 0.0
    """How much pictures are changed before each step: mirrored, other light, other cameras; 1: as mgcbook.data.augment says,
    2: twice as much, 0: not at all."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the step is computed; "cuda" is an NVIDIA GPU (`mgcbook doctor` says what is missing)."""
    precision: Literal["tf32", "float32", "bf16"] = "tf32"
    """How a GPU computes the network: tensor cores on rounded float32, all digits of float32, or maps stored in bfloat16;
    weights, statistics and geometry are float32 in any case."""
    graph: bool = False
    """Capture the step in one CUDA graph and repeat it: no time is lost between its thousand small operations."""
    seed: int = 0
    """Of the first weights and of the order and content of the batches; the same seed gives the same numbers."""
    report_every: int = 10
    """Steps between two reports (a line of metrics.jsonl)."""
    snapshot_every: int = 1000
    """Steps between two pictures of the state of things; 0: none."""
    checkpoint_every: int = 1000
    """Steps between two checkpoints."""
    keep: int = 2
    """How many of the newest checkpoints stay; the best one stays as well."""
    tensorboard: bool = False
    """Also write TensorBoard's event files (needs the extra `tensorboard`)."""

    def __post_init__(self):
        at_least(self, 1, "batch", "image_size", "width", "report_every", "checkpoint_every", "keep")
        at_least(self, 0, "steps", "snapshot_every", "clip_norm", "triples", "augmentation", "seed")
        object.__setattr__(self, "translation_scale", tuple(self.translation_scale))  # JSON knows lists only
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate: expected a number above 0, got {self.learning_rate}")
        if self.supervision == "truth" and (self.data != "synthetic" or self.device != "cpu"):
            raise UsageError("supervision: the truth is known of synthetic faces only, and used on a processor: "
                             "leave data and device as they are")  # fmt: skip
        if self.drawn_on == "cuda" and (self.device != "cuda" or self.data != "synthetic" or self.triples):
            raise UsageError("drawn_on: a GPU draws for its own training, synthetic faces that are new in every step: "
                             "set device='cuda', leave data and triples as they are")  # fmt: skip
        if self.graph and self.device != "cuda":
            raise UsageError("graph: CUDA graphs need device='cuda'")
        if self.graph and self.antialiased:
            raise UsageError("graph: an antialiased face makes the host wait for its outline; leave graph or antialiased out")


def at_least(options, smallest, *names):
    """Check settings of a program; None passes.

    Raises:
        UsageError: naming the first one that is smaller (or not a number).
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not value >= smallest:
            raise UsageError(f"{name}: expected at least {smallest}, got {value}")


PORTABLE = TrainConfig(
    batch=8,
    image_size=96,
    face="light",
    depth=18,
    width=32,
    learning_rate=5e-4,
    schedule="cosine",
    clip_norm=20.0,
    supervision="truth",
    triples=20_000,
    augmentation=1.75,
    translation_scale=(20.0, 20.0, 400.0),
    turn_about_face=True,
    snapshot_every=2000,
    checkpoint_every=1000,
)
"""What the stages of the network that comes along have in common."""

PRESETS = {
    # Paper: augmentation is not mentioned; here: on, because its data are few people under few lights and cameras.
    "paper": TrainConfig(augmentation=1.0),
    "classroom": TrainConfig(
        steps=3600,
        batch=5,
        image_size=64,
        face="light",
        depth=18,
        width=24,
        learning_rate=1.5e-3,
        schedule="cosine",
        triples=3000,
        # A tenth of the face's size in the picture is half a metre in z: with 20 mm a unit, 1500 steps found little of it.
        translation_scale=(20.0, 20.0, 400.0),
        turn_about_face=True,
        # Paper: landmark 1e-3 and regularisation 1e-4, its parts 1, 0.8 and 3e-3; here: landmarks lead, because in minutes the
        # pose has to be found first, and identities stay close to the mean: a little knowledge of them is worse than none.
        weights=Weights(landmark=5e-3, regularisation=2e-3, reg_identity=6.0, reg_expression=1.0),
        report_every=1,
        snapshot_every=500,
        checkpoint_every=200,
    ),
    "portable-start": replace(PORTABLE, steps=22_500, image_size=64, learning_rate=1.2e-3, augmentation=1.0),
    "portable-middle": replace(PORTABLE, steps=26_000, pretrained="runs/portable-start", seed=1),
    "portable": replace(PORTABLE, steps=32_000, triples=24_000, pretrained="runs/portable-middle", seed=2),
}
"""paper: Sec. 4, days on a GPU. classroom: the same steps with a narrow network and small images, minutes on a CPU.
portable-start, -middle and portable: a small network that is told the truth of made-up faces, to be used without landmarks. It
begins on pictures of 64 pixels, three times as fast, and goes on from there twice with others of 96 pixels, the last time slowly;
an hour or two each on a CPU."""


def preset(name):
    """The settings of a preset.

    Raises:
        UsageError: for a name that is none; the message lists those that are.
    """
    if name not in PRESETS:
        raise UsageError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


def to_dict(config):
    """A configuration as plain dicts and numbers that JSON can hold."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(values, where="configuration"):
    """The TrainConfig that `to_dict` wrote; settings it does not name keep their defaults.

    Raises:
        DataError: for a setting that does not exist.
    """
    values = dict(values)
    weights = values.pop("weights", {})
    for known, given, inside in ((TrainConfig, values, ""), (Weights, weights, "weights.")):
        unknown = set(given) - {entry.name for entry in fields(known)}
        if unknown:
            raise DataError(f"{where}: no setting is called {', '.join(inside + name for name in sorted(unknown))}")
    return replace(TrainConfig(**values), weights=Weights(**weights))


def save_config(config, run_folder):
    """Write the configuration as config.json into a run folder; returns the path."""
    path = Path(run_folder) / CONFIG
    with atomic_write(path) as file:
        file.write(json.dumps(to_dict(config), indent=2).encode() + b"\n")
    return path


def load_config(run_folder):
    """Read the configuration of a run folder.

    Raises:
        DataError: if there is none, or if it cannot be read.
    """
    path = Path(run_folder) / CONFIG
    try:
        return from_dict(json.loads(path.read_text(encoding="utf-8")), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); is this the folder of a training run?") from error
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: not a configuration ({error})") from error


def changes(old, new):
    """Settings in which two configurations differ in a way that changes what is computed: ["batch: 5 there, 4 here", ...].

    The number of steps counts where the learning rate follows from it.
    """
    old, new = to_dict(old), to_dict(new)
    free = MAY_CHANGE - ({"steps"} if new["schedule"] != "constant" else set())
    names = [name for name in new if name not in free and old[name] != new[name]]
    return [f"{name}: {old[name]} there, {new[name]} here" for name in names]
