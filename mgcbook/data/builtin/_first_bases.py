"""Expression and albedo bases on top of build.py's identity."""
import numpy as np, time
from mgcbook.data.builtin import _first_build as BD, identity as ID, expression as EX, albedo as AL, sculpt as S

def smooth_gp(V, anchors, scales, n_even, n_odd):
    """scalar GP modes (K,N): even and odd under left-right reflection"""
    R = np.array([-1, 1, 1.])
    def K(P, Q):
        d2 = np.maximum((P ** 2).sum(1)[:, None] + (Q ** 2).sum(1)[None] - 2 * P @ Q.T, 0).astype(np.float32); o = 0
        for l, s in scales: o = o + np.float32(s * s) * np.exp(d2 * np.float32(-0.5 / l ** 2))
        return o
    out = []
    for par, n, fr in ((1, n_even, 0.7), (-1, n_odd, 0.3)):
        w, U = np.linalg.eigh(0.5 * (K(anchors, anchors) + par * K(anchors, anchors * R)).astype(float)); w, U = w[::-1][:n], U[:, ::-1][:, :n]
        out.append(((0.5 * (K(V, anchors) + par * K(V, anchors * R))) @ (U / np.sqrt(w)).astype(np.float32)).T * np.sqrt(2 * fr).astype(np.float32))
    return np.concatenate(out)

def build(k=3, n_id=80, n_ex=80, n_alb=64, verbose=False, ex_sd=0.40, **kw):
    t0 = time.time()
    m = BD.build(k, n_id=n_id, **kw); V, T, row, low, g = m['V'], m['T'], m['row'], m['low'], m['grid']
    st = k
    nr, nc = g['V'].shape[:2]
    li = m['info']['idx'][::k, ::k]; nrl, ncl = li.shape
    slit = m['info']['slit_cols']; base = nr * nc
    # index of light vertices inside this mesh (light mesh = nested subset)
    if k == 1: sub = np.arange(len(V))
    else:
        lsl = np.where(np.abs(g['V'][48 * k, ::k, 0]) < S.A['mouth'] - 0.3)[0]
        sub = np.concatenate([li.ravel(), [m['info']['low'][48 * k, c * k] for c in lsl]])
    m['light_subset'] = sub
    wl = np.ones(len(sub))
    # ---- expression
    U = EX.units(V, row, low, g['V'], len(V) - nr * nc)
    names = list(U); Uf = np.stack([U[n] for n in names]).astype(np.float32)
    m['exp_units'], m['exp_names'] = Uf, names; tt = time.time()
    Gl = EX.gp_residual(V[sub], low[sub], V[sub][::5], low[sub][::5])
    sd = np.array([EX.SD.get(n, ex_sd) for n in names], np.float32); Us = sd[:, None, None] * Uf
    cols = np.concatenate([Us[:, sub], np.float32(0.45) * Gl])
    C, w = ID.compress(cols, wl, n_ex); C = C.astype(np.float32)
    nu = len(names)
    gpart = (C[:, nu:] @ Gl.reshape(len(Gl), -1)).reshape(n_ex, -1, 3) * np.float32(0.45)
    if k > 1:
        # upper / lower sheet handled separately because the fields jump across the slit
        top = upsplit(gpart, nrl, ncl, k, m, sub)
        gpart = top
    m['B_ex'] = (C[:, :nu] @ Us.reshape(nu, -1)).reshape(n_ex, -1, 3) + gpart
    m['t_ex'] = time.time() - t0
    # ---- albedo
    M = AL.masks(V[:, 0], V[:, 1], V[:, 2], row, low); M['row'] = row
    base_alb = AL.paint(M); D, sk = AL.color_modes(M, base_alb)
    Cn = list(D); Cc = np.stack([D[n] for n in Cn]).astype(np.float32)
    anc = V[li[::3, ::3].ravel()]
    ph = smooth_gp(V[sub], anc, ((45.0, 1.0), (22.0, 0.7), (11.0, 0.5)), 45, 15)
    if k > 1:
        ph3 = np.repeat(ph[..., None], 1, 2); G = ph[:, :nrl * ncl].reshape(len(ph), nrl, ncl)
        G = np.tensordot(BD.up_matrix(nrl, k), G, (1, 1)); G = np.tensordot(BD.up_matrix(ncl, k), G, (1, 2)).transpose(2, 1, 0).reshape(len(ph), -1)
        ph = np.concatenate([G, G[:, m['info']['idx'][48 * k, slit]]], 1)
    # colour directions of the smooth fields: melanin and haemoglobin, scaled by local skin
    dm = -(AL.MEL * base_alb) * sk[:, None]; dh = -(AL.HEM * base_alb) * sk[:, None]
    F = np.concatenate([Cc, (0.030 * ph[:, :, None] * dm[None]).astype(np.float32), (0.028 * ph[:, :, None] * dh[None]).astype(np.float32)])
    Ca, wa = ID.compress(F[:, sub], wl, n_alb)
    m['B_alb'] = (Ca.astype(np.float32) @ F.reshape(len(F), -1)).reshape(n_alb, -1, 3)
    m['albedo'] = base_alb; m['alb_names'] = Cn; m['alb_units'] = Cc
    m['times']['all'] = time.time() - t0
    if verbose: print({a: round(b, 2) for a, b in m['times'].items()}, 'ex at', round(m['t_ex'], 2))
    return m

def upsplit(F, nr, nc, k, m, sub):
    """Upsample fields that are discontinuous across the mouth slit: rows <= 48 from the upper sheet, rows >= 48 from the lower."""
    K = len(F); G = F[:, :nr * nc].reshape(K, nr, nc, 3).copy(); Lw = G.copy()
    nsl = len(sub) - nr * nc
    lsl = np.where(np.abs(m['grid']['V'][48 * k, ::k, 0]) < S.A['mouth'] - 0.3)[0]
    Lw[:, 48, lsl] = F[:, nr * nc:]
    Uc = BD.up_matrix(nc, k)
    def up(G): 
        G = np.tensordot(BD.up_matrix(G.shape[1], k), G, (1, 1)); return np.tensordot(Uc, G, (1, 2)).transpose(2, 1, 0, 3)
    a = up(G[:, :49]); b = up(Lw[:, 48:])
    full = np.concatenate([a, b[:, 1:]], 1).reshape(K, -1, 3)
    return np.concatenate([full, b[:, 0][:, m['info']['slit_cols']]], 1)

