"""The measurements of the paper's tables (Sec. 4): each a function of arrays, so that it can be checked by hand.

AFLW2000-3D (Tab. 1a) is in landmarks.py, scans after ICP (MICC, Tab. 1b; FRGC, Tab. 2a; NoW) in scan.py, meshes whose vertices
correspond (BU-3DFE, Tab. 2b) in registered.py.
"""
