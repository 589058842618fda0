"""Identity basis = anthropometric ("semantic") modes + multi-scale Gaussian-process modes, compressed by SVD to 80.
Every mode is a displacement field over the mean, already scaled to ONE standard deviation in mm."""
import numpy as np
from mgcbook.data.builtin.sculpt import sstep, gauss2, A

def g1(v, c, s):
    return np.exp(-0.5 * ((v - c) / s) ** 2)

def semantic(V, row):
    """dict name -> (N,3) displacement for +1 sd.  SDs follow Farkas (North American whites, sexes pooled) where one exists."""
    x, y, z = V.T; ax = np.abs(x); sg = np.tanh(x / 4.0); D = {}
    O = np.zeros_like(x)
    def add(name, dx=0, dy=0, dz=0):
        D[name] = np.stack([O + dx, O + dy, O + dz], 1)
    up = sstep(-20, 30, y); low = sstep(-40, -70, y); mid = (1 - up) * (1 - low)
    # --- gross size and proportions
    add('size', 0.055 * x, 0.055 * (y + 15), 0.055 * (z - 45))
    add('width', 0.030 * x, -0.008 * (y + 15), 0)
    add('height', -0.008 * x, 0.032 * (y + 15), 0)
    add('depth', 0, 0, 0.042 * (z - 45) )
    add('profile_convexity', 0, 0, 2.6 * (np.cos(np.pi * (y + 25) / 110)) * sstep(0, 90, z))      # flat vs convex midface
    add('lower_height', 0, -3.2 * sstep(-42, -100, y), 0)
    add('mid_height', 0, -2.2 * sstep(5, -44, y), 0)
    add('upper_height', 0, 3.5 * sstep(15, 80, y), 0)
    # --- cranium and forehead
    fh = sstep(15, 70, y)
    add('forehead_slope', 0, 0, -3.4 * sstep(20, 85, y))
    add('forehead_width', 2.6 * sg * sstep(15, 55, y) * sstep(8, 45, ax), 0, -0.6 * sstep(25, 55, ax) * fh)
    add('forehead_bulge', 0, 0, 1.7 * gauss2(x, y, 0, 55, 38, 20))
    add('temple', 1.6 * sg * gauss2(ax, y, 62, 20, 13, 20), 0, 1.0 * gauss2(ax, y, 55, 22, 12, 16))
    add('brow_ridge', 0, -0.3 * gauss2(ax, y, 25, 18, 24, 6), 1.5 * gauss2(ax, y, 22, 19, 20, 6.5))
    add('glabella', 0, 0, 1.1 * gauss2(x, y, 0, 20, 9, 8))
    add('brow_height', 0, 1.8 * gauss2(ax, y, 33, 20, 18, 7.5), 0)
    add('brow_tilt', 0, 1.3 * gauss2(ax, y, 46, 19, 9, 7) - 1.0 * gauss2(ax, y, 18, 18, 8, 7), 0)
    # --- eyes
    ey = gauss2(ax, y, A['pd'] - 1, -1, 17, 13)
    add('eye_spacing', 1.5 * sg * gauss2(ax, y, 30, 0, 20, 15), 0, 0)
    add('eye_depth', 0, 0, 1.5 * ey)
    add('eye_height', 0, 1.4 * gauss2(ax, y, 31, 0, 24, 15), 0)
    k = gauss2(ax, y, 31, 0, 13, 9)
    add('eye_size', 0.045 * (ax - 31) * np.sign(x) * k, 0.06 * y * k, 0)
    add('eye_open', 0, 0.9 * k * np.tanh(y / 3.0) * g1(ax, 31, 9), 0)
    add('eye_tilt', 0, 0.075 * (ax - 31) * gauss2(ax, y, 31, 0, 18, 11), 0)
    add('lid_hood', 0, -1.1 * gauss2(ax, y, 33, 11, 11, 3.2), 1.0 * gauss2(ax, y, 32, 11, 12, 4))
    add('epicanthus', -0.9 * sg * gauss2(ax, y, 17, 1, 5, 5), -0.4 * gauss2(ax, y, 18, 4, 5, 4), 0.9 * gauss2(ax, y, 17, 2, 6, 7))
    add('eye_bag', 0, 0, 0.9 * gauss2(ax, y, 28, -13, 9, 4))
    # --- nose
    nz = gauss2(x, y, 0, -25, 13, 20)
    tipw = gauss2(x, y, 0, -38, 12, 8)
    add('nose_protrusion', 0, 0, 2.0 * gauss2(x, y, 0, -34, 10.5, 13) * sstep(-52, -44, y))
    add('nose_length', 0, -2.2 * gauss2(x, y, 0, -40, 17, 12), 0)
    add('nose_width', 1.25 * sg * gauss2(ax, y, 14, -39, 6, 8), 0, -0.3 * tipw)
    add('nose_bridge_height', 0, 0, 1.7 * gauss2(x, y, 0, -6, 8.5, 15))
    add('nose_bridge_width', 0.9 * sg * gauss2(ax, y, 9, -12, 6, 17), 0, 0.5 * gauss2(ax, y, 10, -12, 5, 16))
    add('nose_root', 0, 0, 1.5 * gauss2(x, y, 0, 7, 8, 8))
    add('nose_hump', 0, 0, 1.1 * gauss2(x, y, 0, -16, 7, 7))
    t = gauss2(x, y, 0, -38, 9.5, 7.5) * sstep(92, 108, z)
    add('nose_tip_rotation', 0, 1.7 * t, 0.5 * t)
    add('nose_tip_width', 0.9 * sg * gauss2(ax, y, 6, -37, 5, 6), 0, 0.3 * t)
    add('ala_height', 0, 1.0 * gauss2(ax, y, 13, -40, 6, 5), 0.4 * gauss2(ax, y, 13, -40, 6, 5))
    add('columella', 0, -0.9 * gauss2(x, y, 0, -43, 4.5, 4), 0)
    # --- mouth
    m = gauss2(x, y, 0, -65, 24, 14)
    add('mouth_width', 1.6 * sg * gauss2(ax, y, 25, -65.5, 11, 13), 0, -0.8 * gauss2(ax, y, 26, -65, 7, 9))
    add('mouth_protrusion', 0, 0, 1.9 * gauss2(x, y, 0, -64, 21, 15))
    add('mouth_height', 0, 1.6 * gauss2(x, y, 0, -65, 32, 15), 0)
    up_l = sstep(49, 45, row) * sstep(40, 45, row); lo_l = sstep(47, 51, row) * sstep(55, 51, row)
    f = sstep(27, 10, ax)
    add('upper_lip_thick', 0, 0.95 * gauss2(x, y, 0, -56, 16, 3.5) * (row <= 48), 0.8 * gauss2(x, y, 0, -60, 15, 4) * (row <= 48))
    add('lower_lip_thick', 0, -1.05 * gauss2(x, y, 0, -74, 16, 4) * (row >= 48), 0.9 * gauss2(x, y, 0, -70, 15, 4) * (row >= 48))
    add('upper_lip_protr', 0, 0, 0.9 * gauss2(x, y, 0, -57, 17, 6.5))
    add('lower_lip_protr', 0, 0, 1.0 * gauss2(x, y, 0, -72, 17, 6.5))
    add('philtrum', 0, 0, 0.5 * gauss2(ax, y, 5, -52, 2.5, 5) - 0.7 * gauss2(x, y, 0, -52, 2.6, 5))
    add('corner_tilt', 0, 1.2 * gauss2(ax, y, 26, -66, 8, 7), 0)
    add('cupid', 0, 0.5 * gauss2(ax, y, 6, -56, 3, 3) - 0.5 * gauss2(x, y, 0, -56.5, 3, 3), 0)
    # --- jaw, chin, cheeks
    add('jaw_width', 3.0 * sg * gauss2(ax, y, 52, -78, 20, 24), 0, 0)
    add('jaw_angle', 0.6 * sg * gauss2(ax, y, 52, -75, 16, 20), -3.2 * gauss2(ax, y, 52, -82, 17, 20), 0)
    add('chin_protrusion', 0, 0, 2.8 * gauss2(x, y, 0, -103, 26, 17))
    add('chin_width', 1.8 * sg * gauss2(ax, y, 18, -103, 11, 13), 0, 0.7 * gauss2(ax, y, 19, -100, 9, 11))
    add('chin_height', 0, -2.0 * gauss2(x, y, 0, -108, 24, 14), 0)
    add('chin_ball', 0, 0, 1.1 * gauss2(x, y, 0, -97, 9, 7))
    add('mentolabial', 0, 0, -1.0 * gauss2(x, y, 0, -83, 14, 5))
    add('mandible_forward', 0, -0.5 * low, 2.7 * sstep(-52, -85, y) * sstep(5, 60, z))
    add('zygoma', 1.3 * sg * gauss2(ax, y, 58, -20, 14, 14), 0, 1.5 * gauss2(ax, y, 47, -22, 13, 12))
    add('bizygomatic', 2.0 * sg * gauss2(ax, y, 68, -12, 14, 26), 0, 0)
    add('malar_height', 0, 1.6 * gauss2(ax, y, 47, -25, 15, 13), 0)
    add('buccal', 1.6 * sg * gauss2(ax, y, 48, -55, 14, 17), 0, 2.0 * gauss2(ax, y, 43, -55, 14, 16))
    add('fat', 2.0 * sg * gauss2(ax, y, 56, -60, 22, 30), -1.6 * gauss2(ax, y, 30, -112, 40, 16), 1.3 * gauss2(ax, y, 36, -62, 22, 28))
    add('maxilla', 0, 0, 1.5 * gauss2(ax, y, 16, -40, 22, 18))
    add('paranasal', 0, 0, 1.3 * gauss2(ax, y, 19, -40, 8, 10))
    add('nasolabial', 0, 0, 0.7 * gauss2(ax, y, 32, -52, 6, 12, 0.55) - 0.7 * gauss2(ax, y, 25, -54, 4, 11, 0.55))
    add('ear_side_depth', 0, 0, 3.0 * sstep(45, 72, ax))
    # --- small asymmetries
    add('as_nose', 0.9 * gauss2(x, y, 0, -30, 12, 16), 0, 0)
    add('as_jaw', 1.5 * sstep(-50, -110, y), 0, 0)
    add('as_eye', 0, 0.6 * np.tanh(x / 10) * gauss2(ax, y, 31, 3, 20, 15), 0)
    add('as_mouth', 0, 0.7 * np.tanh(x / 10) * gauss2(ax, y, 18, -66, 16, 12), 0)
    add('as_cheek', 0, 0, 0.9 * np.tanh(x / 10) * gauss2(ax, y, 45, -45, 25, 35))
    return D

SCALES = ((60.0, 1.7), (30.0, 1.05), (16.0, 0.60), (9.0, 0.28))      # (length scale mm, sd mm per axis)

def gp_modes(V, anchors, n_sym=(70, 70, 55), n_asym=12, scales=SCALES, asym=0.15):
    """Karhunen-Loeve modes (Nystroem on anchor points) of a left-right symmetric multi-scale Gaussian process,
    plus a small asymmetric part.  The kernel is diagonal in (x,y,z), so scalar eigenproblems suffice: an even one
    (k + k_mirror) for y,z and an odd one (k - k_mirror) for x; swapped for the asymmetric part.  Returns (K,N,3)."""
    R = np.array([-1, 1, 1.])
    def K(P, Q):
        d2 = np.maximum((P ** 2).sum(1)[:, None] + (Q ** 2).sum(1)[None] - 2 * P @ Q.T, 0).astype(np.float32); out = 0
        for l, s in scales:
            out = out + np.float32(s * s) * np.exp(d2 * np.float32(-0.5 / (l * l)))
        return out
    Kaa, Kaam = K(anchors, anchors), K(anchors, anchors * R)
    Kva, Kvam = K(V, anchors), K(V, anchors * R)
    eig = {}
    for par in (1, -1):
        w, U = np.linalg.eigh((Kaa + par * Kaam).astype(float) * 0.5)
        w, U = w[::-1], U[:, ::-1]; n = min(max(n_sym), int((w > 1e-6 * w[0]).sum()))
        eig[par] = ((0.5 * (Kva + par * Kvam)) @ (U[:, :n] / np.sqrt(w[:n])).astype(np.float32)).T * np.float32(np.sqrt(2))
    out = []
    for sgn, frac, ns in ((+1, 1 - asym, n_sym), (-1, asym, (n_asym,) * 3)):
        for c in range(3):
            phi = eig[sgn * (-1 if c == 0 else 1)][:ns[c]]
            f = np.zeros(phi.shape + (3,), np.float32); f[:, :, c] = phi * np.float32(np.sqrt(frac)); out.append(f)
    return np.concatenate(out)

def compress(B, wgt, n):
    """Best n-dimensional orthogonal modes (area weighted) of the columns B (K,N,3).  Returns C (n,K): modes = C @ B."""
    M = (B * np.sqrt(wgt)[None, :, None].astype(np.float32)).reshape(len(B), -1)
    G = (M @ M.T).astype(float)
    w, U = np.linalg.eigh(G)
    w, U = w[::-1][:n], U[:, ::-1][:, :n]
    return U.T, w
