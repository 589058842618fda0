"""What is trained: network, decoder and losses of one configuration, put together.

images -> resnet -> coefficients -> Decoder -> views -> total_loss (Eq. 6)
"""

from pathlib import Path

import numpy as np

from mgcbook.errors import DataError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.objective import total_loss
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad


class Learner:
    """Network, decoder and losses for a TrainConfig.

    Args:
        config: a TrainConfig.
        features: the frozen network of the identity loss, see `total_loss`; None leaves that loss out.
        device: where the arrays are that it is given, "cpu" or "cuda".
        comm: the processes that share each batch (`mgcbook.programs.parallel`), or None.
    """

    def __init__(self, config, features=None, device="cpu", comm=None):
        self.config, self.features, self.device, self.comm = config, features, device, comm
        self.decoder = open_decoder(config, device)
        face, layout = self.decoder.model, self.decoder.layout
        self._supervised = None
        if config.supervision == "truth":
            from mgcbook.learning.supervised import SupervisedLoss

            self._supervised = SupervisedLoss(self.decoder)
        self.model = {
            "face": face.name,
            "vertices": len(face.mean),
            **{f"{name} coefficients": int(rank) for name, rank in face.ranks.items()},
            "network": f"resnet{config.depth}",
            "width": config.width,
            "outputs": layout.size,
        }

    def start(self):
        """The first weights of the network and the state of its batch normalisation: (params, batch_norm)."""
        rng = np.random.default_rng(self.config.seed)
        params, batch_norm = init_resnet(rng, depth=self.config.depth, outputs=self.decoder.layout.size, width=self.config.width)
        if self.config.pretrained:
            params, batch_norm = _pretrained(self.config.pretrained, params, batch_norm)
        return params, batch_norm

    def coefficients(self, params, batch_norm, images, *, train):
        """One row for each view of each item; images (B, N, H, W, 3) -> ((B, N, K), new batch_norm)."""
        items, views = images.shape[:2]
        flat, half = np.reshape(images, (items * views, *images.shape[2:])), self.config.precision == "bf16"
        rows, batch_norm = resnet(params, flat, batch_norm, train=train, half=half, comm=self.comm)
        return np.reshape(rows, (items, views, -1)), batch_norm

    def objective(self, coefficients, batch):
        """The combined loss of a batch (Eq. 6), or what takes its place where coefficients are known: (loss, terms)."""
        if self._supervised is not None:
            return self._supervised(coefficients, batch)
        config = self.config
        return total_loss(coefficients, batch, self.decoder, config.weights, self.features, reprojected=config.reprojected,
                          covisible=config.covisible)  # fmt: skip

    def loss(self, params, batch_norm, batch):
        """What training minimises: (loss, (terms, coefficients, new batch_norm))."""
        coefficients, batch_norm = self.coefficients(params, batch_norm, batch["images"], train=True)
        loss, terms = self.objective(coefficients, batch)
        return loss, (terms, coefficients, batch_norm)

    def stages(self, params, batch_norm, batch):
        """The stages of one step with everything they give, in order: (name, array or dict of arrays)."""
        coefficients, _ = self.coefficients(params, batch_norm, batch["images"], train=True)
        yield "network", {"coefficients": coefficients}
        view = self.decoder(np.reshape(coefficients, (-1, coefficients.shape[-1])))
        names = ("vertices", "normals", "colors", "points_camera", "landmarks", "image", "depth")
        yield "decoder", {name: getattr(view, name) for name in names}
        (_, terms), slope = value_and_grad(self.objective, has_aux=True)(coefficients, batch)
        yield "loss", terms
        yield "slope of the loss", self.decoder.layout.split(slope)
        _, slopes = value_and_grad(self.loss, has_aux=True)(params, batch_norm, batch)
        yield "gradient", slopes

    def picture(self, params, batch_norm, batch, rows=3):
        """Photo, overlay and rendered face of the target views of the first items; -> (rows * H, 3 * W, 3) in [0, 1]."""
        from mgcbook.face.render import composite

        images = batch["images"][:rows, :1]
        coefficients, _ = self.coefficients(params, batch_norm, images, train=False)
        view = self.decoder(coefficients[:, 0])
        photos = images[:, 0]
        columns = np.concatenate([photos, composite(view.image, view.mask, photos), view.image], axis=2)
        return np.clip(np.concatenate(list(columns), axis=0), 0, 1)


def open_decoder(config, device="cpu"):
    """The Decoder of a TrainConfig; device: where its arrays are, "cpu" or "cuda"."""
    from mgcbook.data import builtin

    face = builtin.load(config.face).to(device)
    layout = Layout.of(face, rotation_scale=config.rotation_scale, translation_scale=config.translation_scale)
    camera = PAPER_CAMERA.resized(config.image_size, config.image_size)
    return Decoder(face, camera, layout, turn_about_face=config.turn_about_face, antialiased=config.antialiased)


def _pretrained(path, params, batch_norm):
    if not Path(path).is_dir():
        from mgcbook.learning.weights import load_pretrained

        return load_pretrained(path, params, batch_norm)
    from mgcbook.programs.trained import open_weights

    state, _ = open_weights(path)
    shapes = lambda *dicts: {name: array.shape for arrays in dicts for name, array in arrays.items()}
    if shapes(state.params, state.batch_norm) != shapes(params, batch_norm):
        raise DataError(f"pretrained: the network in {path} is another one; depth, width and face have to be the same")
    return state.params, state.batch_norm
