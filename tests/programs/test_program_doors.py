"""The functions of the programs that take arrays refuse what does not fit, by the name of the argument."""

import numpy as np
import pytest

from mgcbook.data.align import Similarity
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.optim import init_adam
from mgcbook.programs import canvas, export, fit, pictures, protocols, reconstruct, stages
from mgcbook.programs.checkpoint import TrainingState
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.learner import Learner
from mgcbook.programs.trained import Trained
from tests.doors import LAST, RANK, REAL, passes_and_is_refused, title
from tests.toy import toy_model

SIZE = 16
DECODER = Decoder(toy_model(side=9), PAPER_CAMERA.resized(SIZE, SIZE))
MEAN = DECODER(DECODER.zeros(2))
FACE = pictures.subject(MEAN, DECODER)
MARKS = np.asarray(MEAN.landmarks)
PHOTO = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
PHOTOS = np.stack([PHOTO, PHOTO])
SHORT = fit.FitConfig(landmark_steps=1, steps=1)
ROOM = np.random.default_rng(1).normal(size=(7, 3))


class Network(Trained):
    """A trained network that makes the mean face of everything."""

    def __init__(self):
        config = TrainConfig(depth=10, width=4, image_size=SIZE, face="light")
        params, batch_norm = Learner(config).start()
        super().__init__(TrainingState(0, params, init_adam(params)._asdict(), batch_norm), config)


def fit_one_step(**arguments):
    return next(fit.fit_steps(decoder=DECODER, config=SHORT, **arguments))


DOORS = {
    canvas.colormap: (dict(values=PHOTO), {"values": RANK + LAST + REAL}),
    canvas.draw_landmarks: (dict(picture=PHOTO, landmarks=MARKS[0]), {"picture": REAL, "landmarks": REAL}),
    export.on_photograph: (dict(face=FACE, photo=PHOTO, crop_from_photo=Similarity(np.eye(2), np.zeros(2)), colors=FACE.colors),
                           {"photo": REAL}),
    fit.pose_from_landmarks: (dict(landmarks=MARKS, decoder=DECODER), {}),
    fit.fit_landmarks: (dict(landmarks=MARKS, decoder=DECODER, config=SHORT, start=DECODER.zeros(2)),
                        {"landmarks": REAL, "start": LAST + REAL}),
    fit_one_step: (dict(images=PHOTOS, landmarks=MARKS, skin=PHOTOS[..., 0], start=DECODER.zeros(2)),
                   {**dict.fromkeys(("images", "landmarks", "skin"), REAL), "start": LAST + REAL}),
    pictures.draw: (dict(face=FACE, colors=FACE.colors), {"colors": LAST}),
    pictures.overlay: (dict(face=FACE, photo=PHOTO), {"photo": REAL}),
    pictures.error_map: (dict(face=FACE, photo=PHOTO), {"photo": REAL}),
    pictures.landmarks: (dict(face=FACE, photo=PHOTO, true=MARKS[0]), {"photo": REAL, "true": REAL}),
    pictures.gallery: (dict(face=FACE, photo=PHOTO, true=MARKS[0]), {"photo": REAL, "true": REAL}),
    pictures.as_seen: (dict(face=FACE, photo=PHOTO, true=MARKS[0]), {"photo": REAL, "true": REAL}),
    pictures.stages: (dict(face=FACE, photo=PHOTO, true=MARKS[0]), {"photo": REAL, "true": REAL}),
    protocols.spread: (dict(vertices=ROOM, points=ROOM, errors=ROOM[:, 0]),
                       dict.fromkeys(("vertices", "points", "errors"), REAL)),
    reconstruct.reconstruct: (dict(photo=PHOTO, decoder=DECODER, landmarks=MARKS[0], config=SHORT),
                              {"photo": REAL, "landmarks": REAL}),
    reconstruct.find_landmarks: (dict(photo=PHOTO, network=Network(), box="whole"), {"photo": REAL}),
    stages.multi_view_sheet: (dict(coefficients=DECODER.zeros(2), images=PHOTOS, decoder=DECODER), {}),
    Trained.__call__: (dict(self=Network(), images=PHOTOS), {"images": REAL}),
}  # fmt: skip


@pytest.mark.parametrize("function", DOORS, ids=title)
def test_what_does_not_fit_is_refused_by_name(function):
    passes_and_is_refused(function, *DOORS[function])
