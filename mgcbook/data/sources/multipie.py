"""CMU Multi-PIE: 337 people, 13 cameras around the head and two above it, 19 lights and none, in a studio (Sec. 4.1).

    .../session01/multiview/001/01/05_1/001_01_01_051_00.png        person, session, recording, camera, light; any folders

One person under one light in one recording is a moment: its cameras from left to right are its views. It has no landmarks:
give a folder of files, <key>.pts and so on.

Traps: sources disagree on the sign of the yaw; here camera 240 is +90 as in their tables, and `yaw_sign=-1` turns all over where
a picture shows the nose on the other side. Some copies of camera 081 are upside down.
"""

import re
from collections import defaultdict

from mgcbook.data.sources.sample import Sample, Source, find, inside, neighbours
from mgcbook.errors import UsageError

YAW_DEGREES = {"240": 90, "010": 75, "200": 60, "190": 45, "041": 30, "050": 15, "051": 0,
               "140": -15, "130": -30, "080": -45, "090": -60, "120": -75, "110": -90}  # fmt: skip
"""Of the 13 cameras at the height of the head; 081 and 191 look down."""
LARGEST_YAW = 45
"""Paper: 7 of 13 cameras remain, it does not say which; here: those up to 45 degrees; because they overlap."""
NAME = re.compile(r"(\d{3})_(\d\d)_(\d\d)_(\d{3})_(\d\d)")
EXPRESSIONS = {
    1: ("neutral", "smile"),
    2: ("neutral", "surprise", "squint"),
    3: ("neutral", "smile", "disgust"),
    4: ("neutral", "neutral", "scream"),
}
"""Session -> expression of each recording."""


class MultiPIE(Source):
    """Multi-PIE.

    Args:
        lights: numbers of lights as in the names, ("07",) for the frontal flash; None: all.
        largest_yaw: cameras further to the side are left out of items.
        yaw_sign: -1 where the nose of camera 240 points to the right of the picture.
    """

    layout = "Multi-PIE: pictures <person>_<session>_<recording>_<camera>_<light>.png in any folders"

    def __init__(self, folder, *, landmarks=None, lights=None, largest_yaw=LARGEST_YAW, yaw_sign=1):
        if yaw_sign not in (1, -1):
            raise UsageError(f"yaw_sign: expected 1 or -1, got {yaw_sign}")
        self.lights, self.largest_yaw, self.yaw_sign = lights, largest_yaw, yaw_sign
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        self._paths = {}
        for path in find(self.folder, {".png", ".jpg"}, depth=9):
            match = NAME.fullmatch(path.stem)
            if match and (self.lights is None or match[5] in self.lights) and match[4] in YAW_DEGREES:
                self._paths[path.stem] = path
        return sorted(self._paths)

    def _read(self, key):
        person, session, recording, camera, light = key.split("_")
        names = EXPRESSIONS.get(int(session), ())
        expression = names[int(recording) - 1] if 1 <= int(recording) <= len(names) else "unknown"
        return Sample(key, inside(self.folder, self._paths[key]), yaw_degrees=float(self.yaw_sign * YAW_DEGREES[camera]),
                      subject=person, group=f"{person}_{session}_{recording}_{light}",
                      coefficients={"expression_name": expression})  # fmt: skip

    def items(self, views=None, rng=None):
        """Neighbouring cameras of one moment."""
        groups = defaultdict(list)
        for key in self._keys:
            person, session, recording, camera, light = key.split("_")
            if abs(YAW_DEGREES[camera]) <= self.largest_yaw:
                groups[person, session, recording, light].append(key)
        rows = (sorted(keys, key=lambda key: YAW_DEGREES[key.split("_")[3]]) for keys in groups.values())
        return [item for keys in rows for item in neighbours(keys, views or self.views)]
