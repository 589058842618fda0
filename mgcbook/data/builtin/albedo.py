"""Painted mean albedo (sRGB-like values in 0..1) and the masks used by the albedo basis.  NumPy only."""
import numpy as np
from mgcbook.data.builtin.sculpt import curve, sstep, gauss2, A, pchip

# -log RGB directions of the two skin pigments (values as used with Tsumura et al. 1999's model, normalised)
MEL = np.array([0.0246, 0.0316, 0.0394]) / 0.0562; HEM = np.array([0.0193, 0.0755, 0.0666]) / 0.1025
SKIN = np.array([0.735, 0.545, 0.455])

def masks(x, y, z, row, lower):
    """Soft masks per vertex; x,y,z are mean positions, row the (light) row coordinate."""
    ax = np.abs(x); M = {}
    ys, yu, yl = curve(48, ax), curve(45, ax), curve(51, ax)
    inm = sstep(27.5, 24.0, ax)
    lip_up = sstep(0.9, -0.5, y - yu) * sstep(-0.6, 0.2, y - ys) * (row <= 48.01)
    lip_lo = sstep(-0.9, 0.6, y - yl) * (row >= 47.9)
    M['lips'] = inm * np.clip(np.where(row < 48, lip_up, lip_lo), 0, 1)
    M['mouthline'] = inm * np.exp(-((row - 48) / 0.45) ** 2)
    # eyes
    um, lm = curve(17, ax), curve(23, ax)
    fx = sstep(15.6, 17.2, ax) * sstep(45.4, 44.0, ax)
    eye = fx * sstep(17.35, 17.9, row) * sstep(22.9, 22.3, row)
    M['eye'] = eye
    r = np.hypot(ax - A['pd'], y)
    M['iris'] = eye * sstep(6.1, 5.5, r); M['pupil'] = eye * sstep(2.2, 1.7, r)
    M['limbus'] = eye * np.exp(-((r - 5.7) / 0.6) ** 2)
    M['caruncle'] = eye * sstep(20.0, 17.5, ax)
    M['eyeshade'] = eye * np.clip(1 - (um - y) / 4.0, 0, 1)
    M['lash'] = sstep(15, 18, ax) * sstep(47.0, 44.0, ax) * (np.exp(-((row - 17.25) / 0.35) ** 2) + 0.35 * np.exp(-((row - 22.8) / 0.3) ** 2))
    M['lid'] = sstep(13, 18, ax) * sstep(50, 44, ax) * (sstep(13.3, 14.5, row) * sstep(17.2, 16.6, row) + 0.6 * sstep(22.9, 23.4, row) * sstep(26, 24, row))
    M['under'] = gauss2(ax, y, 27, -13.0, 8.5, 4.0, 0.1)
    # brows: band around a centre line with hair-like streaks
    cx = pchip([0, 11, 14, 20, 30, 38, 46, 52, 56, 120], [16.3, 17.0, 17.6, 19.8, 22.2, 22.6, 20.6, 17.4, 15.2, 15], ax.ravel()).reshape(ax.shape)
    th = pchip([0, 11, 14, 22, 36, 48, 56, 120], [2.4, 3.0, 3.7, 3.8, 3.1, 2.2, 1.3, 1.2], ax.ravel()).reshape(ax.shape)
    band = np.exp(-np.abs((y - cx) / th) ** 3.0) * sstep(10.0, 15.0, ax) * sstep(57, 50, ax)
    ang = 0.9 - 0.035 * ax
    str_ = 0.5 + 0.5 * np.sin(6.2 * (ax * np.cos(ang) - (y - cx) * np.sin(ang) * 1.0) / 1.6 + 1.3 * np.sin(0.9 * y + 0.31 * ax))
    M['brow'] = band * (0.78 + 0.22 * str_)
    # regions
    n = np.exp(-((ax - 6.3) / 2.5) ** 4) * sstep(37.6, 38.4, row) * sstep(40.9, 39.8, row)
    M['nostril'] = n
    M['under_nose'] = sstep(37, 38, row) * sstep(41.2, 40.5, row) * sstep(18, 14, ax)
    M['cheek'] = gauss2(ax, y, 41, -33, 15, 12)
    M['nose'] = gauss2(x, y, 0, -36, 11, 8) * sstep(-47, -44, y) + 0.7 * gauss2(ax, y, 12, -39, 4, 4)
    M['forehead'] = gauss2(x, y, 0, 50, 40, 22)
    M['chin'] = gauss2(x, y, 0, -97, 14, 9)
    must = sstep(-45.5, -50, y) * sstep(-1.0, 2.5, y - yu) * sstep(29, 20, ax) * (row < 48)
    yb = pchip([0, 12, 20, 27, 33, 44, 56, 66, 75, 120], [-77, -77, -73.5, -66, -61, -57, -47, -34, -18, -10], ax.ravel()).reshape(ax.shape)
    wd = 6 + 8 * sstep(25, 50, ax)
    beard = sstep(0, 1, 0.5 - 0.5 * (y - yb) / wd)
    soul = gauss2(x, y, 0, -80, 7, 5)
    M['must'] = must * (1 - M['lips'])
    M['beard'] = np.clip(np.maximum(must, np.maximum(beard, 0.5 * soul)), 0, 1) * (1 - M['lips'])
    M['fold'] = np.exp(-((row - 14) / 0.35) ** 2) * sstep(14, 20, ax) * sstep(49, 42, ax)
    return M

def mix(a, b, m):
    return a + m[:, None] * (np.asarray(b) - a)

def pigment(c, dm=0.0, dh=0.0):
    """Beer-Lambert change of a colour by melanin / haemoglobin amounts (arrays or scalars)."""
    return c * np.exp(-np.multiply.outer(dm, MEL) - np.multiply.outer(dh, HEM))

def paint(M, mel=0.0, hem=0.0, iris=(0.30, 0.20, 0.13), brow=(0.20, 0.145, 0.115), lip_h=0.0, beard=0.20, brow_d=0.92):
    n = len(M['lips'])
    hemf = hem + 0.16 * M['cheek'] + 0.20 * M['nose'] - 0.08 * M['forehead'] + 0.06 * M['chin'] + 0.06 * M['lid'] + 0.10 * M['under']
    melf = mel + 0.12 * M['under'] + 0.10 * M['lid'] - 0.05 * M['cheek'] + 0.02 * M['forehead']
    c = pigment(np.broadcast_to(SKIN, (n, 3)), melf, hemf)
    c = mix(c, c * [0.80, 0.82, 0.86], beard * M['beard'])
    lipc = pigment(SKIN * [0.93, 0.72, 0.74], 0.7 * mel + 0.05, 0.5 * hem + 0.10 + lip_h)
    c = mix(c, lipc, 0.92 * M['lips'])
    c = mix(c, c * [0.45, 0.33, 0.33], 0.75 * M['mouthline'])
    c = mix(c, c * [0.72, 0.66, 0.64], M['fold'] * 0.5)
    c = mix(c, c * [0.62, 0.52, 0.50], 0.55 * M['under_nose'])
    c = mix(c, np.array([0.10, 0.05, 0.045]), 0.92 * M['nostril'])
    # eyes
    w = np.array([0.86, 0.83, 0.81])
    e = np.broadcast_to(w, (n, 3)).copy()
    e = mix(e, w * [0.93, 0.72, 0.68], np.clip(M['caruncle'] * 1.2, 0, 1))
    e = mix(e, np.asarray(iris), M['iris'])
    e = mix(e, np.asarray(iris) * 0.35, 0.8 * M['limbus'])
    e = mix(e, np.array([0.03, 0.03, 0.03]), M['pupil'])
    e = e * (1 - 0.35 * M['eyeshade'][:, None])
    c = mix(c, e, M['eye'])
    c = mix(c, np.array([0.10, 0.075, 0.065]), np.clip(0.85 * M['lash'], 0, 1))
    c = mix(c, np.asarray(brow), brow_d * M['brow'])
    return np.clip(c, 0, 1)

# ----------------------------------------------------------------------------- albedo basis
def color_modes(M, base):
    """dict name -> (N,3) albedo change for +1 sd (linearised pigment / feature-colour changes around `base`)."""
    D = {}; skin = 1 - np.clip(M['eye'] + 0.0, 0, 1)
    sk = skin * (1 - 0.92 * M['brow']) * (1 - 0.8 * M['nostril'])
    pig = lambda dm, dh: -(np.multiply.outer(dm, MEL) + np.multiply.outer(dh, HEM)) * base
    n = len(skin); O = np.zeros(n); one = np.ones(n)
    def pm(name, wm=0, wh=0): D[name] = pig(O + wm, O + wh) * sk[:, None]
    def cm(name, mask, col): D[name] = np.multiply.outer(mask, np.asarray(col, float))
    pm('melanin', 0.30 * one, 0.02 * one); pm('haemoglobin', 0 * one, 0.050 * one)
    cm('exposure_grey', sk, [0.012] * 3); cm('yellow_blue', sk, [0.002, 0.001, -0.010])
    pm('cheek_red', 0, 0.07 * M['cheek']); pm('nose_red', 0, 0.07 * M['nose']); pm('lid_dark', 0.10 * M['lid'], 0.05 * M['lid'])
    pm('eye_circles', 0.10 * M['under'], 0.05 * M['under']); pm('forehead', 0.05 * M['forehead']); pm('chin_red', 0, 0.05 * M['chin'])
    D['beard'] = -base * np.multiply.outer(0.10 * M['beard'], [1.0, 0.92, 0.80])
    D['moustache_only'] = -base * np.multiply.outer(0.05 * M['must'], [1.0, 0.92, 0.80])
    D['lip_red'] = base * np.multiply.outer(M['lips'], [0.04, -0.07, -0.05]); D['lip_dark'] = -base * np.multiply.outer(0.13 * M['lips'], [1, 1, 1])
    D['lip_pink'] = np.multiply.outer(M['lips'], [0.02, 0.015, 0.02])
    cm('brow_dark', M['brow'], [-0.075, -0.065, -0.055]); cm('brow_light', M['brow'], [0.10, 0.075, 0.05])
    e = M['eye']
    cm('iris_blue', M['iris'] * (1 - M['pupil']), [-0.01, 0.055, 0.115]); cm('iris_light', M['iris'] * (1 - M['pupil']), [0.08, 0.075, 0.05])
    cm('sclera', e * (1 - M['iris']), [0.03, 0.03, 0.03]); cm('lash', np.clip(M['lash'], 0, 1), [-0.05, -0.05, -0.05])
    D['fold'] = -base * np.multiply.outer(0.10 * M['fold'], [1, 1.1, 1.1])
    return D, sk
