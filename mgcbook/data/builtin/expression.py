"""Expression basis: FACS-like blendshape units (full activation = 1) and local GP residual modes, compressed to n modes."""
import numpy as np
from mgcbook.data.builtin.sculpt import sstep, gauss2, curve, smax, A, cspline, CZ

def units(V, row, low, gridV=None, nslit=0):
    """dict name -> (N,3) displacement at full activation (mm)."""
    x, y, z = V.T; ax = np.abs(x); O = np.zeros_like(x); D = {}
    L = sstep(-4, 6, x); Rr = sstep(-4, 6, -x)                 # subject's left (+x) / right weights, sum ~ 1 at the midline
    sg = np.tanh(x / 3.0)
    def add(n, dx=0, dy=0, dz=0):
        D[n] = np.stack([O + dx, O + dy, O + dz], 1)
    def lr(n, dx=0, dy=0, dz=0):                                # dx is given towards lateral (+)
        f = np.stack([O + sg * dx, O + dy, O + dz], 1)
        D[n + '_L'] = f * L[:, None]; D[n + '_R'] = f * Rr[:, None]
    r = row - 48.0
    # weight of the mandible: S-curve across the mouth line, split inside the slit, 0.45 at the corners
    c = sstep(10, 27, ax)
    wu = 0.45 * sstep(12, 28, ax); wl = 1 - 0.55 * sstep(8, 28, ax)
    wj = np.where(low, 1 - (1 - wl) * sstep(8, 0, r), wu * sstep(-10, 0, r))
    # on the side of the face: signed distance to the line TMJ -> mouth corner, soft over 44 mm
    dl = ((y + 12) * 76 + (z - 12) * 54) / np.hypot(76, 54)
    ws = sstep(24, -20, dl)
    side = sstep(27, 46, ax)
    wj = (wj * (1 - side) + ws * side) * sstep(-12, 30, z)
    def jaw(theta, fwd=0., side=0.):
        t = np.deg2rad(theta); py, pz = y + 12, z - 12
        dy = py * np.cos(t) - pz * np.sin(t) - py; dz = py * np.sin(t) + pz * np.cos(t) - pz
        return wj * side, wj * dy, wj * (dz + fwd)
    add('jawOpen', *jaw(15.0)); add('jawForward', *jaw(0, fwd=5.0)); add('jawSide', *jaw(0, side=6.0))
    # ---- mouth
    up = ~low
    lipu = np.where(up, sstep(-7, -1, r), 0) * sstep(29, 17, ax); lipl = np.where(low, sstep(7, 1, r), 0) * sstep(29, 17, ax)
    co = gauss2(ax, y, 26, -66, 13, 12) ; cos_ = gauss2(ax, y, 26, -66, 9, 9)
    mo = gauss2(x, y, 0, -66, 24, 15)
    lr('smile', 5.0 * co, 6.5 * co + 3.0 * gauss2(ax, y, 38, -38, 13, 12), -4.5 * co + 3.0 * gauss2(ax, y, 40, -36, 12, 12))
    lr('frown', 1.5 * co, -5.5 * co, -1.5 * co)
    lr('stretch', 6.0 * co, -1.2 * co, -3.5 * co)
    lr('dimple', 2.0 * cos_, 0.5 * cos_, -3.5 * cos_)
    q = np.clip(1 - (ax / 27) ** 2, 0, 1)
    add('pucker', -8.5 * sg * gauss2(ax, y, 25, -66, 13, 13) * sstep(3, 20, ax), 0, 6.0 * gauss2(x, y, 0, -66, 17, 12) - 1.0 * co)
    add('funnel', -6.0 * sg * gauss2(ax, y, 25, -66, 13, 13) * sstep(3, 20, ax), 2.5 * lipu * q - 3.0 * lipl * q, 5.0 * gauss2(x, y, 0, -66, 17, 11))
    ul = np.where(up, sstep(-9, -1, r), 0)
    lr('upperLipUp', 0, 4.5 * ul * gauss2(ax, y, 9, -58, 11, 11) + 1.4 * gauss2(ax, y, 15, -40, 8, 8) + 1.6 * gauss2(ax, y, 27, -45, 8, 10), 1.2 * gauss2(ax, y, 25, -42, 8, 8))
    ll = np.where(low, sstep(9, 1, r), 0)
    lr('lowerLipDown', 0, -5.0 * ll * gauss2(ax, y, 9, -70, 11, 12), -0.8 * ll * gauss2(ax, y, 9, -70, 11, 10))
    add('lipsPart', 0, 1.2 * lipu * q - 2.0 * lipl * q, 0)
    add('lipPress', 0, -1.6 * np.where(up, sstep(-5, -2.0, r) * sstep(0.0, -2.0, r), 0) * q * 1.6 + 1.8 * np.where(low, sstep(6, 2, r) * sstep(0, 2, r), 0) * q * 1.6, -1.6 * (lipu + lipl) * q)
    add('rollUpper', 0, -2.5 * np.where(up, sstep(-5, -2.0, r), 0) * q * sstep(0, -2, r), -3.0 * lipu * q)
    add('rollLower', 0, 3.0 * np.where(low, sstep(6, 2.0, r), 0) * q * sstep(0, 2, r), -3.2 * lipl * q)
    add('chinRaise', 0, 4.0 * gauss2(x, y, 0, -90, 17, 12) * low + 2.5 * gauss2(x, y, 0, -66, 20, 8), 1.8 * gauss2(x, y, 0, -73, 17, 7) - 0.8 * gauss2(x, y, 0, -96, 12, 7))
    add('upperShrug', 0, 3.0 * gauss2(x, y, 0, -60, 20, 9), 1.4 * gauss2(x, y, 0, -57, 17, 7))
    add('mouthSide', 5.5 * mo, 0, 0); add('mouthUpDown', 0, 3.0 * gauss2(x, y, 0, -66, 24, 12), 0)
    # ---- cheeks, nose
    lr('cheekPuff', 4.5 * gauss2(ax, y, 48, -60, 13, 15), 0, 6.0 * gauss2(ax, y, 42, -60, 13, 15) + 1.5 * gauss2(ax, y, 15, -54, 12, 8))
    lr('cheekRaise', 0, 4.0 * gauss2(ax, y, 40, -24, 15, 9) + 1.8 * gauss2(ax, y, 32, -9, 12, 5) * sstep(22.5, 24, row), 2.2 * gauss2(ax, y, 40, -24, 14, 9))
    lr('noseSneer', -0.6 * gauss2(ax, y, 12, -12, 6, 10), 3.0 * gauss2(ax, y, 14, -38, 8, 9) + 2.6 * gauss2(ax, y, 12, -14, 7, 12) - 1.8 * gauss2(ax, y, 16, 17, 9, 7), 1.2 * gauss2(ax, y, 10, -8, 6, 9))
    add('nostrilFlare', 1.8 * sg * gauss2(ax, y, 14, -40, 5, 5), 0, 0)
    # ---- brows
    lr('browInnerUp', 0, 6.0 * gauss2(ax, y, 15, 22, 10, 9), 0.6 * gauss2(ax, y, 15, 28, 10, 8))
    lr('browOuterUp', 0, 5.5 * gauss2(ax, y, 43, 21, 12, 9), 0)
    lr('browDown', -2.2 * gauss2(ax, y, 19, 19, 11, 8), -5.0 * gauss2(ax, y, 22, 19, 14, 8.5), 1.2 * gauss2(ax, y, 17, 17, 10, 6))
    # ---- lids: computed on the grid, column by column
    if gridV is not None:
        GX, GY, GZ = [gridV[..., i] for i in range(3)]; gax = np.abs(GX)
        nr, nc = GX.shape; k = (nr - 1) // 60; rg = np.broadcast_to((np.arange(nr) / k)[:, None], GX.shape)
        fx = sstep(15.8, 19.5, gax[20 * k]) * sstep(45.2, 42.0, gax[20 * k])
        yc, zc, yl, zl = GY[14 * k], GZ[14 * k], GY[23 * k], GZ[23 * k]
        ball = lambda X, Y: CZ + np.sqrt(np.maximum(13.2 ** 2 - (np.abs(X) - A['pd']) ** 2 - Y ** 2, 1.0))
        t = np.clip((rg - 14) / 3, 0, 1)
        yn = np.where(rg <= 17, yc + (yl + 0.9 - yc) * t ** 1.0, yl + 0.9 * np.clip((23 - rg) / 6, 0, 1))
        u = np.clip((yc - yn) / (yc - yl), 0, 1)
        zn = smax(zc + (zl - zc) * u, ball(GX, yn), 1.0)
        zn = np.where(rg <= 17, zn, zn - 0.4 * sstep(17, 18, rg) * sstep(23, 22, rg))
        m = ((rg > 14) & (rg < 23)) * fx
        blink = np.stack([0 * GX, m * (yn - GY), m * (zn - GZ)], -1)
        # lower lid raise (squint): rows 22..26
        wl_ = sstep(20.0, 22.0, rg) * sstep(28, 23, rg) * fx
        sq = np.stack([0 * GX, wl_ * 2.4, 0.3 * wl_], -1)
        flat = lambda F: np.concatenate([F.reshape(-1, 3), np.zeros((nslit, 3))])
        bl, sq = flat(blink), flat(sq)
        for s, w in (('_L', L), ('_R', Rr)):
            D['blink' + s] = bl * w[:, None]
            D['eyeWide' + s] = -0.28 * bl * w[:, None] + np.stack([O, 0.8 * gauss2(ax, y, 33, 14, 13, 5), O], 1) * w[:, None]
            D['squint' + s] = (sq + 0.22 * bl) * w[:, None]
    return D

SD = dict(jawOpen=0.27, jawForward=0.25, jawSide=0.25, pucker=0.3, funnel=0.3, mouthSide=0.3)     # sd of the activation; others 0.40

def gp_residual(V, low, anchors, alow, n=60, scales=((22.0, 0.9), (11.0, 0.55))):
    """Local GP around mouth, eyes and brows; the two lips are pushed apart along a 4th axis so that they decorrelate."""
    def emb(P, lo):
        m = gauss2(P[:, 0], P[:, 1], 0, -66, 22, 12)
        return np.concatenate([P, (np.where(lo, -1, 1) * 12 * m)[:, None]], 1)
    def amp(P):
        ax, y = np.abs(P[:, 0]), P[:, 1]
        return np.clip(gauss2(P[:, 0], y, 0, -68, 26, 18) + 0.55 * gauss2(ax, y, 32, 10, 20, 14) + 0.35 * gauss2(ax, y, 38, -40, 18, 20), 0, 1)
    def K(P, Q):
        d2 = np.maximum((P ** 2).sum(1)[:, None] + (Q ** 2).sum(1)[None] - 2 * P @ Q.T, 0).astype(np.float32); o = 0
        for l, s in scales: o = o + np.float32(s * s) * np.exp(d2 * np.float32(-0.5 / l ** 2))
        return o
    aA, aV = amp(anchors), amp(V)
    keep = aA > 0.05; P = emb(anchors, alow)[keep]; aA = aA[keep]
    w, U = np.linalg.eigh((K(P, P) * aA[:, None] * aA[None]).astype(float)); w, U = w[::-1][:n], U[:, ::-1][:, :n]
    phi = ((K(emb(V, low), P) * aA[None].astype(np.float32)) @ (U / np.sqrt(w)).astype(np.float32) * aV[:, None].astype(np.float32)).T
    out = np.zeros((3 * n, len(V), 3), np.float32)
    for c in range(3): out[c * n:(c + 1) * n, :, c] = phi
    return out
