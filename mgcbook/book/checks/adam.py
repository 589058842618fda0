"""Exercise 11.3: adam."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.learning import optim
from mgcbook.learning.optim import AdamState

adam = exercise("11.3", optim.adam)


def _start():
    return {"w": np.array([1.0, 2.0]), "b": np.array([5.0])}


def _walk(adam, grads, **settings):
    """Several steps with these gradients of w; -> w and the last state."""
    params = _start()
    state = AdamState(0, *({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2)))
    for g in grads:
        params, state = adam(params, {"w": np.array(g, np.float64)}, state, 0.1, **settings)
    return params, state


@adam.question("the first step is as long as the rate, downhill, whatever the size of the slope")
def _(adam):
    return _walk(adam, [[3.0, -0.001]])[0]["w"], (0.9, 2.1 - 1e-6)


@adam.question("it counts its steps")
def _(adam):
    return _walk(adam, [[3.0, 1.0]] * 3)[1].step, 3


@adam.question("a parameter without gradient stays as it is")
def _(adam):
    return _walk(adam, [[3.0, 1.0]])[0]["b"], [5.0]


@adam.question("after slopes 1, -1, 4: the means are those of the formula")
def _(adam):
    state = _walk(adam, [[1.0, 1], [-1, 1], [4, 1]])[1]
    return (state.m["w"], state.v["w"]), ([0.391, 0.271], [0.017997001, 0.002997001])


@adam.question("and so is the way")
def _(adam):
    grads = [[1.0, 1], [-1, 1], [4, 1], [0.5, -2]]
    return _walk(adam, grads)[0]["w"], _walk(optim.adam, grads)[0]["w"]


@adam.question("beta1, beta2 and epsilon are used as given")
def _(adam):
    grads, settings = [[1.0, 0.1], [-2, 0.1]], dict(beta1=0.5, beta2=0.9, epsilon=0.01)
    return _walk(adam, grads, **settings)[0]["w"], _walk(optim.adam, grads, **settings)[0]["w"]


@adam.question("nothing that it was given has changed")
def _(adam):
    params = _start()
    state = AdamState(0, *({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2)))
    adam(params, {"w": np.array([3.0, 1.0])}, state, 0.1)
    return (params["w"], params["b"], state.m["w"], state.v["w"]), ([1.0, 2.0], [5.0], [0.0, 0], [0.0, 0])


def _adam(params, grads, state, rate, beta1, beta2, epsilon, *, step=1, up=-1, power=2, root=np.sqrt, corrected=True,
          inside=False):  # fmt: skip
    """Adam with one thing done another way."""
    t = state.step + step
    out, m, v = dict(params), dict(state.m), dict(state.v)
    for name, g in grads.items():
        m[name] = beta1 * m[name] + (1 - beta1) * g
        v[name] = beta2 * v[name] + (1 - beta2) * np.abs(g) ** power
        first, second = (1 - beta1**t, 1 - beta2**t) if corrected else (1, 1)
        length = np.sqrt(v[name] / second + epsilon) if inside else root(v[name] / second) + epsilon
        out[name] = out[name] + up * rate * (m[name] / first) / length
    return out, AdamState(state.step + 1, m, v)


@adam.mistake("That is uphill: the step is subtracted.")
def uphill(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, up=1)


@adam.mistake("The means began at 0 and are too small at first: divide m by 1 - beta1^t and v by 1 - beta2^t.")
def no_correction(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, corrected=False)


@adam.mistake("t is the number of this step and begins with 1: state.step says how many were made before.")
def counts_from_zero(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, step=0)


@adam.mistake("v is a mean of squares, so the length of a step is divided by its root.")
def forgets_root_of_v(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, root=lambda v: v)


@adam.mistake("v is the mean of g^2, not of |g|.")
def mean_of_sizes(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, power=1)


@adam.mistake("That is plain descent, rate times slope: divide by the root of v.")
def plain_descent(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    _, state = _adam(params, grads, state, rate, beta1, beta2, epsilon)
    return {name: p - rate * grads[name] if name in grads else p for name, p in params.items()}, state


@adam.mistake("Epsilon stands beside the root, not under it.")
def epsilon_inside(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, grads, state, rate, beta1, beta2, epsilon, inside=True)


@adam.mistake("The new state has the old number of steps: it is one more.")
def forgets_to_count(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    params, new = _adam(params, grads, state, rate, beta1, beta2, epsilon)
    return params, new._replace(step=state.step)


@adam.mistake("Only parameters with a gradient come back: begin with a copy, dict(params).")
def loses_the_rest(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    params, state = _adam(params, grads, state, rate, beta1, beta2, epsilon)
    return {name: params[name] for name in grads}, state


@adam.mistake("`-=` and `*=` write into the arrays that you were given: make new ones, p = p - ...")
def writes_in_place(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    out, new = _adam(params, grads, state, rate, beta1, beta2, epsilon)
    for old, fresh in ((params, out), (state.m, new.m), (state.v, new.v)):
        for name, array in fresh.items():
            old[name][...] = array
    return params, AdamState(new.step, state.m, state.v)


@adam.mistake("Only m and v themselves are kept for the next step; m^ and v^ are made of them anew in each.")
def keeps_the_hats(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    t, out, m, v = state.step + 1, dict(params), dict(state.m), dict(state.v)
    for name, g in grads.items():
        m[name] = (beta1 * m[name] + (1 - beta1) * g) / (1 - beta1**t)
        v[name] = (beta2 * v[name] + (1 - beta2) * g**2) / (1 - beta2**t)
        out[name] = out[name] - rate * m[name] / (np.sqrt(v[name]) + epsilon)
    return out, AdamState(t, m, v)


@adam.mistake("Not every parameter has a gradient: go over `grads`, and leave the others as they are.")
def expects_all_gradients(params, grads, state, rate, *, beta1=0.9, beta2=0.999, epsilon=1e-8, donate=False):
    return _adam(params, {name: grads[name] for name in params}, state, rate, beta1, beta2, epsilon)
