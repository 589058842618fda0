"""Assemble the procedural 3DMM.  build(k) -> dict with the interface of the paper's BFM."""
import numpy as np, time
from mgcbook.data.builtin import sculpt as S, landmarks as L, albedo as AL, identity as ID


def geometry(k):
    g = S.sculpt(k); V, T, info = S.mesh(g)
    nr, nc = g['V'].shape[:2]
    row = np.concatenate([np.repeat(g['row'], nc), np.full(len(V) - nr * nc, 48.0)])
    low = np.zeros(len(V), bool); low[nr * nc:] = True
    low |= row > 48.01
    return g, V, T, info, row, low

def areas(V, T):
    a = 0.5 * np.linalg.norm(np.cross(V[T[:, 1]] - V[T[:, 0]], V[T[:, 2]] - V[T[:, 0]]), axis=1)
    return np.bincount(T.ravel(), np.repeat(a / 3, 3), len(V))

def up_matrix(n, k):
    """Cubic (Catmull-Rom) interpolation matrix from n light samples to (n-1)*k+1."""
    U = np.zeros(((n - 1) * k + 1, n))
    for i in range(len(U)):
        j, t = divmod(i, k); t /= k
        if t == 0: U[i, j] = 1; continue
        w = np.array([-t + 2 * t * t - t ** 3, 2 - 5 * t * t + 3 * t ** 3, t + 4 * t * t - 3 * t ** 3, -t * t + t ** 3]) / 2
        for q, ww in zip(range(j - 1, j + 3), w):
            if q < 0: U[i, 0] += 2 * ww; U[i, 1] -= ww            # linear extrapolation
            elif q >= n: U[i, n - 1] += 2 * ww; U[i, n - 2] -= ww
            else: U[i, q] += ww
    return U.astype(np.float32)

def upsample(F, nr, nc, k, slit_idx):
    """F (K, Nlight, 3) smooth field -> (K, Nfull, 3).  Fields continuous across the slit only."""
    K = len(F)
    G = F[:, :nr * nc].reshape(K, nr, nc, 3)
    Ur, Uc = up_matrix(nr, k), up_matrix(nc, k)
    G = np.tensordot(Ur, G, (1, 1))                       # nr', K, nc, 3
    G = np.tensordot(Uc, G, (1, 2))                       # nc', nr', K, 3
    G = G.transpose(2, 1, 0, 3).reshape(K, -1, 3)
    return np.concatenate([G, G[:, slit_idx]], 1)

def build(k=3, n_id=80, n_ex=80, n_alb=64, verbose=False, sem=0.72, gp=0.62, scales=ID.SCALES, wmix=0.5):
    t0 = time.time(); tm = {}
    g, V, T, info, row, low = geometry(k)
    if k == 1:
        gl, Vl, Tl, infol, rowl, lowl = g, V, T, info, row, low
    else:
        gl = dict(V=g['V'][::k, ::k], row=g['row'][::k], col=g['col'][::k], psi=g['psi'][::k, ::k], k=1)
        Vl, Tl, infol = S.mesh(gl); nr, nc = gl['V'].shape[:2]
        rowl = np.concatenate([np.repeat(gl['row'], nc), np.full(len(Vl) - nr * nc, 48.0)])
    tm['mean'] = time.time() - t0
    lm = L.pick(gl['V'], gl['psi'], None)
    lidx = np.array([(info['low'] if lo else info['idx'])[r * k, c * k] for r, c, lo in lm])
    # ---- identity: columns on the light mesh -> compression C -> fields on this mesh
    nrl, ncl = gl['V'].shape[:2]
    anc = gl['V'][::3, ::3].reshape(-1, 3)
    Dl = ID.semantic(Vl, rowl); names = list(Dl)
    Sl = np.float32(sem) * np.stack(list(Dl.values())).astype(np.float32)
    Gl = np.float32(gp) * ID.gp_modes(Vl, anc, scales=scales)
    wl = areas(Vl, Tl); wl = wl / wl.mean()
    C, w = ID.compress(np.concatenate([Sl, Gl]), 1 - wmix + wmix * wl, n_id)
    C = C.astype(np.float32); ns = len(Sl)
    gpart = (C[:, ns:] @ Gl.reshape(len(Gl), -1)).reshape(n_id, -1, 3)
    tm['id_light'] = time.time() - t0
    if k == 1:
        B_id = np.tensordot(C[:, :ns], Sl, 1) + gpart
    else:
        Sf = np.float32(sem) * np.stack(list(ID.semantic(V, row).values())).astype(np.float32)
        B_id = (C[:, :ns] @ Sf.reshape(ns, -1)).reshape(n_id, -1, 3) + upsample(gpart, nrl, ncl, k, info['idx'][info['i48'], info['slit_cols']])
    st = slice(None) if k == 1 else np.arange(len(V)).__getitem__(info['idx'][::k, ::k].ravel())
    sgn = np.sign(B_id[:, st][:, :nrl * ncl, 2].sum(1, dtype=float) + 1e-3 * B_id[:, st][:, 7, 0]); B_id = B_id * np.where(sgn == 0, 1, sgn)[:, None, None].astype(np.float32)
    tm['id'] = time.time() - t0
    M = AL.masks(V[:, 0], V[:, 1], V[:, 2], row, low)
    alb = AL.paint(M)
    out = dict(V=V, T=T, landmarks=lidx, B_id=B_id, albedo=alb, row=row, low=low, names=names, info=info, C=C, k=k, grid=g)
    tm['total'] = time.time() - t0
    out['times'] = tm
    if verbose: print({a: round(b, 2) for a, b in tm.items()}, 'V', V.shape, 'T', T.shape, 'K', ns + len(Gl))
    return out

