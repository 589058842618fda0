"""The measurements of the paper's tables (Sec. 4): each a function of arrays, so that it can be checked by hand.

    landmarks.py   normalised mean error in bins of yaw             AFLW2000-3D, Tab. 1a
    scan.py        distance of a shape to a scan after ICP          MICC Tab. 1b, FRGC Tab. 2a, NoW
    registered.py  distance of corresponding vertices               BU-3DFE, Tab. 2b
"""
