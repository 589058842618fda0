"""Procedural mean face.  NumPy only.

Working frame: mm, x = subject's left, y up, z forward; y = 0 pupil level, z = 0 bitragion plane.
Step A  grid: 61 x 67 control rows/columns ("light"), refined by an integer factor k (k=3: 181 x 199 = full).
        Rows follow anatomical feature curves (lid margins, vermilion borders, mouth line, jaw border),
        columns are constant angles psi about the vertical axis through (0, ., 0).
Step B  base mask: thin-plate spline r(psi, y) through a table of anatomical points (no nose, lips, eyes).
Step C  analytic features added along z: nose (smooth union of ellipsoidal lobes), lips, eyes, folds.
"""
import numpy as np

ROWS, COLS = 60, 66            # light intervals (61 x 67 vertices)
CTR = 33

# ----------------------------------------------------------------------------- helpers
def pchip(xk, yk, x):
    """Monotone cubic interpolation along axis 0; yk (K, ...), x (M,) -> (M, ...)."""
    xk = np.asarray(xk, float); yk = np.asarray(yk, float); x = np.asarray(x, float)
    h = np.diff(xk); sh = (-1,) + (1,) * (yk.ndim - 1)
    d = np.diff(yk, axis=0) / h.reshape(sh)
    m = np.zeros_like(yk)
    w1 = (2 * h[1:] + h[:-1]).reshape(sh); w2 = (h[1:] + 2 * h[:-1]).reshape(sh)
    with np.errstate(divide='ignore', invalid='ignore'):
        hm = (w1 + w2) / (w1 / d[:-1] + w2 / d[1:])
    m[1:-1] = np.where(d[:-1] * d[1:] > 0, hm, 0.0)
    m[0], m[-1] = d[0], d[-1]
    i = np.clip(np.searchsorted(xk, x, 'right') - 1, 0, len(h) - 1)
    t = ((x - xk[i]) / h[i]).reshape(sh); hh = h[i].reshape(sh)
    a, b = yk[i], yk[i + 1]
    return ((1 + 2 * t) * (1 - t) ** 2 * a + t * (1 - t) ** 2 * hh * m[i]
            + t * t * (3 - 2 * t) * b + t * t * (t - 1) * hh * m[i + 1])

def cspline(xk, yk, x):
    """Natural cubic spline (1-D data)."""
    xk = np.asarray(xk, float); yk = np.asarray(yk, float); n = len(xk)
    h = np.diff(xk); A = np.eye(n); b = np.zeros(n)
    for i in range(1, n - 1):
        A[i, i - 1:i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        b[i] = 6 * ((yk[i + 1] - yk[i]) / h[i] - (yk[i] - yk[i - 1]) / h[i - 1])
    m = np.linalg.solve(A, b)
    x = np.asarray(x, float); xc = np.clip(x, xk[0], xk[-1])
    i = np.clip(np.searchsorted(xk, xc, 'right') - 1, 0, n - 2)
    t0, t1 = xk[i + 1] - xc, xc - xk[i]
    return (m[i] * t0 ** 3 + m[i + 1] * t1 ** 3) / (6 * h[i]) + (yk[i] / h[i] - m[i] * h[i] / 6) * t0 + (yk[i + 1] / h[i] - m[i + 1] * h[i] / 6) * t1

def sstep(a, b, x):
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)

def smax(a, b, k):
    """Polynomial smooth maximum, blend radius k (mm)."""
    h = np.clip(0.5 + 0.5 * (a - b) / k, 0, 1)
    return b + (a - b) * h + k * h * (1 - h)

def gauss2(x, y, cx, cy, sx, sy, ang=0.0):
    c, s = np.cos(ang), np.sin(ang)
    u = (x - cx) * c + (y - cy) * s; v = -(x - cx) * s + (y - cy) * c
    return np.exp(-0.5 * ((u / sx) ** 2 + (v / sy) ** 2))

def dome(x, y, cx, cy, cz, a, b, c, ang=0.0, q0=0.62):
    """Front of an ellipsoid as a height field; beyond q0 it continues with bounded slope and then drops
    (so that smax ignores it far away)."""
    ca, sa = np.cos(ang), np.sin(ang)
    u = ((x - cx) * ca + (y - cy) * sa) / a; v = (-(x - cx) * sa + (y - cy) * ca) / b
    q = u * u + v * v; sq = np.sqrt(q); s0 = np.sqrt(q0); f0 = np.sqrt(1 - q0)
    return cz + c * np.where(q < q0, np.sqrt(np.maximum(1 - q, 0.0)), f0 - (sq - s0) * s0 / f0 - 4 * (sq - s0) ** 2)

def tps_fit(P, f, lam):
    d2 = ((P[:, None] - P[None]) ** 2).sum(-1)
    K = 0.5 * d2 * np.log(d2 + 1e-12); n = len(P)
    A = np.zeros((n + 3, n + 3)); A[:n, :n] = K + lam * np.eye(n)
    A[:n, n] = 1; A[:n, n + 1:] = P; A[n:, :n] = A[:n, n:].T
    return np.linalg.solve(A, np.concatenate([f, np.zeros((3,) + f.shape[1:])]))

def tps_eval(P, w, Q):
    d2 = ((Q ** 2).sum(1)[:, None] + (P ** 2).sum(1)[None] - 2 * Q @ P.T).clip(1e-12)
    return 0.5 * (d2 * np.log(d2)) @ w[:-3] + w[-3] + Q @ w[-2:]

# ----------------------------------------------------------------------------- anthropometry
A = dict(                       # mm; Farkas-type adult means, both sexes averaged (see report)
    pd=31.5, en=16.3, ex=44.7, mouth=26.0, nose_w=16.8,
    y_n=8.0, y_prn=-37.5, y_sn=-44.8, y_sto=-64.8, y_gn=-110.0)

# ----------------------------------------------------------------------------- base mask table (half face)
BASE = np.array([
 # midline
 (0,100,56),(0,82,75),(0,65,86.5),(0,50,93),(0,35,97),(0,22,98.5),(0,9,93),(0,-5,88.5),(0,-20,89),(0,-35,93.5),
 (0,-46,99.5),(0,-55,101),(0,-65,100),(0,-74,97),(0,-83,94),(0,-96,94),(0,-106,89),(0,-112,82),(0,-122,70),
 # x ~ 15
 (15,82,73.5),(15,65,85),(15,50,91.5),(15,35,95.5),(15,20,96.5),(15,10,87.8),(16.3,-0.8,80.5),(15.5,-12,84.2),(15,-24,87.5),(18,-36,90.5),
 (15,-50,96.2),(15,-64,97),(15,-82,92),(15,-96,91),(15,-107,84.5),(15,-118,72),
 # x ~ 30
 (30,82,66.5),(30,65,77.6),(30,50,86.5),(30,35,91),(30,21,93.3),(31,14.5,88.3),(31,10.5,85.0),(31,5.6,86.2),(31,-6,85.3),(31.5,-13.5,82.0),(31,-24,85.2),
 (22,14.5,89.4),(22,9.5,83.8),(22,3.6,83.2),(22,-4.6,82.6),(22,-12.8,82.0),(39,13.5,85.0),(39,9.2,81.2),(39,4.0,81.8),(38.5,-4.4,81.2),(39.5,-12.3,79.0),(30,-38,87.5),
 (30,-52,90.5),(29,-66,88),(30,-82,84),(30,-96,78.3),(28,-106,74),(27,-116,64),
 # x ~ 45
 (44,82,56.5),(45,65,66.4),(45,50,75.8),(45,35,82.5),(46,19,84.2),(47,9,75.5),(45,1.4,73.6),(50,1.5,70.8),(47,-9,74.6),(45,-25,80.5),(45,-38,80),(45,-52,77),
 (45,-66,72),(44,-82,65),(41,-96,57),(39,-107,50),
 # x ~ 56
 (55,78,41.5),(57,60,53.8),(57,40,64),(55.5,20,70),(54,5,65),(56,-8,64),(57,-22,66),(57,-36,63.5),(56,-52,59),(54,-66,54),(51,-82,47),(47,-95,42),
 # x ~ 65
 (65,62,32),(65.5,40,41),(64.8,16,49),(64.8,0,46),(67,-18,43),(66.5,-36,39.5),(63.5,-52,35),(60,-66,31),(54.5,-82,25),(50,-94,22),
 # side
 (71,60,5),(72,40,6),(71.5,18,8),(70.5,0,8),(70,-18,6),(68,-36,7),(64.5,-56,8),(59.5,-72,10),(55,-86,10),
 (73,40,-18),(73.5,15,-14),(72,-18,-12),(69,-40,-10),(64,-66,-8),
], float)
# bizygomatic breadth 138-139 mm (NIOSH/ANSUR head-and-face surveys, sexes averaged)
_w = sstep(44, 60, BASE[:, 0]); BASE[:, 0] *= 1 + 0.032 * _w; BASE[:, 2] += 1.6 * _w * (BASE[:, 2] > 15)
CZ = 74.2                       # z of the eyeball centres
PSI_MM = 85.0                   # metric of psi in the TPS domain

def base_fit(B=BASE, lam=2.0):
    B = np.concatenate([B, B[B[:, 0] > 0] * [-1, 1, 1]])
    psi = np.arctan2(B[:, 0], B[:, 2]); r = np.hypot(B[:, 0], B[:, 2])
    P = np.stack([psi * PSI_MM, B[:, 1]], 1)
    return P, tps_fit(P, r, lam)

# ----------------------------------------------------------------------------- grid
COLK = np.array([0, 3, 6, 8, 9, 13, 16, 19, 22, 26, 30, 33])
COLPSI = np.array([0, 3.2, 6.9, 9.7, 11.2, 16.0, 20.4, 26.0, 32.2, 46.0, 68.0, 94.0])

# feature curves: light row index -> knots (xt, y); xt = x (centre) continued as an arc length on the side
CURVES = {
 0:  [(0, 82), (20, 81), (40, 77), (60, 67), (80, 55), (100, 45), (110, 40)],
 5:  [(0, 50), (20, 50), (40, 48), (60, 42), (80, 36), (100, 30), (110, 27)],
 9:  [(0, 28), (16, 28.5), (32, 29.5), (46, 27.5), (60, 25), (80, 22), (100, 19), (110, 17)],
 11: [(0, 17.8), (10, 18.4), (16, 19.6), (20, 20.8), (26, 22.4), (35, 23.6), (44, 21.8), (51, 18.8), (60, 16.6), (80, 14.5), (110, 11)],
 14: [(0, 8.0), (10, 7.6), (16, 7.6), (22, 9.6), (31, 11.0), (40, 9.6), (46, 7.5), (56, 7.6), (80, 8.5), (110, 5)],
 17: [(0, 1.2), (10, 0.6), (16.3, -0.2), (20, 2.9), (25, 4.9), (30, 5.5), (35, 5.2), (40, 3.9), (44.7, 1.9), (50, 2.1), (60, 3.6), (80, 5.4), (110, 1.5)],
 18: [(0, 0.5), (10, -0.2), (16.3, -0.6), (20, 2.1), (25, 4.1), (30, 4.7), (35, 4.4), (40, 3.1), (44.7, 1.5), (50, 1.1), (60, 2.2), (80, 4.2), (110, 0.3)],
 20: [(0, -1.8), (10, -2.2), (16.3, -1.0), (20, -0.6), (30, -0.4), (40, -0.1), (44.7, 1.0), (50, -0.8), (60, -0.8), (80, 1.5), (110, -2.2)],
 22: [(0, -4.0), (10, -4.0), (16.3, -1.5), (20, -3.3), (25, -4.8), (30, -5.3), (35, -4.8), (40, -3.0), (44.7, 0.5), (50, -2.5), (60, -3.8), (80, -1.2), (110, -4.5)],
 23: [(0, -5.2), (10, -5.0), (16.3, -1.9), (20, -4.1), (25, -5.7), (30, -6.2), (35, -5.7), (40, -3.8), (44.7, 0.0), (50, -3.6), (60, -5.2), (80, -2.6), (110, -5.7)],
 26: [(0, -12), (16, -12.0), (24, -13.5), (32, -14.0), (40, -12.6), (50, -11.5), (60, -11.0), (80, -6.9), (110, -9)],
 30: [(0, -24), (16, -25), (32, -25), (50, -22.5), (60, -20), (80, -14), (110, -13)],
 33: [(0, -32.5), (10, -32.5), (20, -33), (40, -32), (60, -26.6), (80, -19.5), (110, -16)],
 35: [(0, -37.4), (8, -36.8), (14, -37.0), (17, -36.6), (20, -37.0), (40, -37.5), (60, -31.2), (80, -23.5), (110, -18)],
 37: [(0, -41.4), (3.5, -41.0), (6.4, -40.3), (8.5, -40.9), (11.0, -42.2), (12.9, -42.4), (14.8, -41.2), (16.5, -39.2), (20, -40.0), (40, -43.0), (60, -36), (80, -27.5), (110, -20)],
 39: [(0, -43.2), (3.5, -42.9), (6.4, -42.4), (8.5, -42.8), (11.0, -43.7), (12.9, -43.9), (14.8, -42.9), (16.5, -41.2), (20, -43), (40, -48.0), (60, -40.2), (80, -31), (110, -22)],
 41: [(0, -45.0), (3.5, -44.7), (6.4, -44.4), (8.5, -44.5), (11.0, -45.0), (12.9, -45.2), (14.8, -44.5), (16.5, -43.4), (20, -46), (40, -52.7), (60, -44.5), (80, -34.5), (110, -24)],
 45: [(0, -56.6), (3, -56.0), (5.4, -55.4), (10, -57.4), (16, -60.4), (21, -62.8), (26, -65.2), (34, -62.2), (45, -60), (60, -52), (80, -40.5), (110, -27.5)],
 48: [(0, -64.8), (3, -64.7), (8, -64.3), (15, -64.6), (20, -65.2), (26, -66.0), (34, -66.5), (45, -65.8), (60, -58), (80, -45), (110, -30)],
 51: [(0, -74.3), (6, -74.2), (12, -73.0), (18, -70.6), (23, -68.2), (26, -66.9), (34, -70.8), (45, -71.4), (60, -64), (80, -49.5), (110, -33)],
 53: [(0, -82), (10, -81.5), (20, -79.5), (28, -77), (45, -77.8), (60, -69), (80, -53), (110, -35)],
 56: [(0, -97), (10, -96.5), (20, -94.5), (40, -89), (60, -78.5), (80, -59.5), (110, -38.5)],
 58: [(0, -111), (10, -110.5), (20, -108.5), (30, -104.5), (42, -97.5), (60, -84.5), (80, -64.5), (110, -41)],
 60: [(0, -113.5), (10, -113), (20, -111.5), (30, -108.2), (42, -102), (60, -88.5), (80, -69), (110, -45)],
}
KROWS = np.array(sorted(CURVES))

def xtilde(x, psi):
    return np.abs(x) + 3.0 * np.logaddexp(0, (np.abs(psi) - 0.62) / 0.1) - 3.0 * np.logaddexp(0, -6.2)

def curve(k, xt):
    c = np.array(CURVES[k], float)
    return pchip(c[:, 0], c[:, 1], np.clip(xt, c[0, 0], c[-1, 0]).ravel()).reshape(np.shape(xt))

def grid(k, B=BASE):
    """Returns dict: psi, y, base (rows, cols, 3)."""
    nr, nc = ROWS * k + 1, COLS * k + 1
    rows = np.arange(nr) / k; cols = np.arange(nc) / k - CTR
    psi1 = np.sign(cols) * np.deg2rad(pchip(COLK, COLPSI, np.abs(cols)))
    P, w = base_fit(B)
    # coarse solve (light grid) for y knots, then evaluate the TPS once at the fine resolution
    xk = np.abs(80 * np.tan(np.clip(psi1, -1.2, 1.2)))[None].repeat(len(KROWS), 0).clip(0, 70)
    for it in range(3):
        xt = xtilde(xk, psi1[None])
        yk = np.stack([curve(kr, xt[i]) for i, kr in enumerate(KROWS)])
        r = tps_eval(P, w, np.stack([np.broadcast_to(psi1 * PSI_MM, yk.shape).ravel(), yk.ravel()], 1)).reshape(yk.shape)
        xk = np.abs(r * np.sin(psi1))
    y = pchip(KROWS, yk, rows)
    psi = np.broadcast_to(psi1, y.shape)
    r = tps_eval(P, w, np.stack([psi.ravel() * PSI_MM, y.ravel()], 1)).reshape(y.shape)
    base = np.stack([r * np.sin(psi), y, r * np.cos(psi)], -1)
    return dict(psi=psi, rows=rows, cols=cols, base=base, k=k)

# ----------------------------------------------------------------------------- features
NOSE_MID = np.array([(40, 90), (26, 94.5), (16, 95.5), (8, 95.2), (0, 97.6), (-10, 104.0), (-20, 109.6), (-28, 113.9), (-33, 116.3), (-36.5, 117.4), (-39.2, 116.6),
                     (-41.4, 114.0), (-44, 109), (-48, 104)])[::-1]

def nose_front(x, y, z, zmid):
    """Front sheet of the nose over the mask z (no underside); zmid = mask height on the midline at the same y."""
    ax = np.abs(x)
    mid = cspline(NOSE_MID[:, 0], NOSE_MID[:, 1], y)
    yc = np.clip(y, -60, 30).ravel()
    w = pchip([-60, -44, -37, -28, -18, -8, 2, 12, 30], [10.6, 10.6, 10.6, 10.9, 10.9, 10.5, 9.8, 10.5, 14], yc).reshape(y.shape)
    p = pchip([-60, -37, -20, 0, 30], [2.3, 2.2, 2.05, 1.9, 2.0], yc).reshape(y.shape)
    h = smax(mid - zmid, 0.0, 1.5) * sstep(30, 14, y) * sstep(-60, -47, y)
    c = 1.2
    q = (np.sqrt(ax * ax + c * c) - c) / w
    z1 = z + h * np.exp(-np.maximum(q, 1e-9) ** p)
    tip = dome(x, y, 0, -36.4, 104.5, 9.4, 8.4, 12.2)
    z1 = smax(z1, tip, 4.0)
    ala = dome(ax, y, 10.9, -38.7, 96.0, 6.1, 6.6, 9.4, ang=0.35)
    z1 = smax(z1, ala, 2.6)
    z1 = z1 - 1.0 * gauss2(ax, y, 17.4, -37, 1.9, 4.5, -0.2)            # alar-facial crease
    z1 = z1 - 0.8 * gauss2(ax, y, 9.4, -33.6, 4.6, 1.8, -0.7)           # supra-alar groove
    return z1

def nose(x, y, z, row):
    ax = np.abs(x)
    yr = np.maximum(y, curve(37, ax))
    zf = nose_front(x, yr, z, z[:, z.shape[1] // 2][:, None])
    t = np.clip((row - 37) / 4.0, 0, 1)
    zb = z + 1.5 * gauss2(x, y, 0, -45, 4, 3)                            # columella foot
    zn = np.where(row <= 37, zf, zf + (zb - zf) * (0.35 * t + 0.65 * sstep(0, 1, t)))
    # nostrils: on the underside, push up and back
    n = np.exp(-((ax - 6.3) / 2.5) ** 4) * np.sin(np.pi * np.clip((row - 37.3) / 3.4, 0, 1)) ** 1.2
    return zn - 1.5 * n, y + 4.5 * n

def lips(x, y, z, row):
    ax = np.abs(x); m = A['mouth']
    q = np.clip(ax / m, 0, 1.6)
    ys = curve(48, ax); yu = curve(45, ax); yl = curve(51, ax)
    hu = np.maximum(yu - ys, 0.6); hl = np.maximum(ys - yl, 0.6)
    fade = np.clip(1 - q ** 2.5, 0, 1) ** 0.7                # 1 at centre, 0 at the corners
    up = row < 48
    s = np.where(up, (y - ys) / hu, (ys - y) / hl)            # 0 at the mouth line, 1 at the vermilion border
    sc = np.clip(s, 0, 3)
    # vermilion roll: quarter-ellipse from the slit to the fullest point, then falling to the border
    def roll(a, s0, w):
        return a * np.where(sc < s0, np.sqrt(np.maximum(1 - (1 - sc / s0) ** 2, 0)), np.exp(-((sc - s0) / w) ** 2))
    roll_u = roll(4.0, 0.50, 0.50) + 0.35 * np.exp(-((sc - 1.08) / 0.16) ** 2)
    roll_l = roll(4.8, 0.50, 0.50) + 0.2 * np.exp(-((sc - 1.0) / 0.25) ** 2)
    inner = -1.8 * np.exp(-(sc / 0.9) ** 2)
    dz = np.where(up, roll_u, roll_l) * fade + inner * np.clip(1 - q ** 4, 0, 1) ** 0.5
    # tubercle, philtrum, corner dimple, sublabial hollow
    dz = dz + 0.5 * gauss2(x, y, 0, -61.5, 3.0, 2.2)
    dz = dz - 1.0 * gauss2(x, y, 0, -51.0, 2.4, 4.5) + 0.6 * gauss2(ax, y, 5.2, -52, 1.9, 4.2)
    dz = dz - 2.2 * gauss2(ax, y, 27.0, -66.2, 3.2, 3.0) - 1.0 * gauss2(ax, y, 22, -77, 6, 4)
    return z + dz

def eyes(x, y, z, row):
    ax = np.abs(x)
    cx, cz, R = A['pd'], CZ, 12.1
    d2 = (ax - cx) ** 2 + y ** 2
    ball = cz + np.sqrt(np.maximum(R * R - np.minimum(d2, 0.9 * R * R), 0)) - np.maximum(np.sqrt(d2) - 0.9487 * R, 0) * 3 + 0.9 * np.exp(-d2 / (2 * 3.2 ** 2))
    lid = z
    crease = curve(14, ax); um = curve(17, ax); lm = curve(23, ax)
    inx = sstep(13, 19, ax) * (1 - sstep(40, 50, ax))
    lid = np.where((row > 14) & (row < 26), smax(lid, ball + 1.0, 0.8), lid)
    lid = lid - 1.3 * np.exp(-((y - crease) / 1.3) ** 2) * inx + 0.8 * np.exp(-((y - crease - 3.4) / 2.4) ** 2) * inx
    lid = lid + 0.3 * np.exp(-((y - um - 0.8) / 0.9) ** 2) * inx + 0.25 * np.exp(-((y - lm + 1.0) / 1.2) ** 2) * inx
    lid = lid - 0.8 * gauss2(ax, y, 27, -15.5, 9, 2.0, 0.12)
    # opening: between rows 17..18 and 22..23 step down to the eyeball
    op = sstep(17.0, 18.0, row) * sstep(23.0, 22.0, row)
    fx = sstep(15.5, 20.0, ax) * (1 - sstep(41.5, 45.5, ax))
    inside = np.minimum(smax(ball, lid - 2.6, 1.0), lid - 0.8)
    return lid + (inside - lid) * op * fx

def folds(x, y, z):
    ax = np.abs(x)
    # nasolabial fold: line from (17,-39) to (33,-64)
    t = np.clip(((ax - 17) * 16 + (y + 39) * -25) / (16 ** 2 + 25 ** 2), 0, 1)
    px, py = 17 + 16 * t, -39 - 25 * t
    nx = ((ax - px) * 25 + (y - py) * 16) / np.hypot(25, 16)      # signed, + on the cheek side
    env = np.sin(np.pi * np.clip(t * 0.86 + 0.1, 0, 1)) ** 1
    along = np.exp(-0.5 * (np.hypot(ax - px, y - py) ** 2 - nx ** 2).clip(0) / 9)
    z = z + env * along * (-0.45 * np.exp(-(nx / 2.8) ** 2) + 0.7 * np.exp(-((nx - 6) / 5) ** 2))
    z = z + 1.2 * gauss2(x, y, 0, -97, 10, 6.5)                    # chin pad
    z = z + 0.8 * gauss2(ax, y, 20, 21.5, 10, 4.0, 0.05)           # brow ridge (medial)
    z = z + 0.8 * gauss2(ax, y, 42, 19.5, 8, 4.5, -0.3)            # brow, lateral
    return z

def relax(F, wgt, n):
    """n Laplacian smoothing steps of a grid field where wgt > 0."""
    for _ in range(n):
        L = F.copy()
        L[1:-1, 1:-1] = 0.25 * (F[:-2, 1:-1] + F[2:, 1:-1] + F[1:-1, :-2] + F[1:-1, 2:])
        F = F + wgt * (L - F)
    return F

def sculpt(k=1, B=BASE):
    kf = 3                                     # always sculpt at k=3, then decimate: light is a subset of full
    g = grid(kf, B)
    X, Y, Z = [g['base'][..., i].copy() for i in range(3)]
    row = np.broadcast_to(g['rows'][:, None], X.shape)
    ax = np.abs(X)
    Z, Y = nose(X, Y, Z, row)
    wn = 0.8 * sstep(13, 15, ax) * sstep(23, 19, ax) * sstep(-52, -47, Y) * sstep(-22, -28, Y)
    Z = relax(Z, wn, 5); Y = relax(Y, wn, 5)
    wn = 0.6 * sstep(20, 17, ax) * sstep(-47, -45, Y) * sstep(14, 6, Y)
    Z = relax(Z, wn, 4)
    Z = folds(X, Y, Z)
    Z = eyes(X, Y, Z, row)
    Zl = lips(X, Y, Z, np.where(row >= 48, 99, row))       # lower sheet at the slit row
    Zu = lips(X, Y, Z, row * 0)                             # upper sheet
    Z = np.where(row < 48, Zu, Zl)
    # submental tuck: last two light rows go inward under the jaw
    t = np.clip((row - 58) / 2, 0, 1)
    inward = 14.0 * t ** 1.1
    rr = np.hypot(X, Z) + 1e-9
    X2 = X - inward * X / rr * 0.9; Z2 = Z - inward * Z / rr
    V = np.stack([X2, Y, Z2], -1)
    V = 0.5 * (V + V[:, ::-1] * [-1, 1, 1])                 # exact symmetry
    st = kf // k
    return dict(V=V[::st, ::st], k=k, row=g['rows'][::st], col=g['cols'][::st], psi=g['psi'][::st, ::st])

def mesh(g):
    """Vertices, triangles; the mouth slit duplicates row 48 between the corners."""
    V = g['V']; nr, nc = V.shape[:2]; k = g['k']
    idx = np.arange(nr * nc).reshape(nr, nc)
    i48 = 48 * k
    inside = np.abs(V[i48, :, 0]) < A['mouth'] - 0.3
    js = np.where(inside)[0]
    verts = V.reshape(-1, 3).copy()
    low = idx.copy()
    dup = np.arange(len(js)) + nr * nc
    low[i48, js] = dup
    extra = verts[idx[i48, js]].copy()
    verts = np.concatenate([verts, extra])
    a = idx[:-1, :-1].copy(); b = idx[:-1, 1:].copy(); c = idx[1:, :-1]; d = idx[1:, 1:]
    a[i48:, :] = low[i48:-1, :-1]; b[i48:, :] = low[i48:-1, 1:]
    jj = np.arange(nc - 1)[None]; ii = np.arange(nr - 1)[:, None]
    left = (jj < (nc - 1) // 2) ^ (ii % 2 == 0)
    a, b, c, d, left = [np.broadcast_to(q, (nr - 1, nc - 1)).ravel() for q in (a, b, c, d, left)]
    T1 = np.where(left[:, None], np.stack([a, c, d], 1), np.stack([a, c, b], 1))
    T2 = np.where(left[:, None], np.stack([a, d, b], 1), np.stack([b, c, d], 1))
    T = np.stack([T1, T2], 1).reshape(-1, 3)
    return verts, T, dict(idx=idx, low=low, slit_cols=js, i48=i48)

