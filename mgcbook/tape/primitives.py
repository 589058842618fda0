"""New differentiable functions: `@primitive` turns a rule into one, and remembers its twin in plain NumPy.

A fused kernel computes its value and its vjps by hand, in a loop that no engine can look into. Its twin is the same formula
in plain NumPy. Under HIPS autograd the twin runs instead, so that an independent engine checks the hand-written vjps.
"""

import functools

from .engine import Step, Tensor, _parents, record


def primitive(rule=None, *, twin=None, extras=False):
    """Turn a rule into a differentiable function of the same name and docstring.

    Args:
        rule: returns (value, vjp of argument 0, vjp of argument 1, ...); None stands for an argument without derivative.
            Keyword arguments are settings and are never differentiated.
        twin: the same function in plain NumPy, called when an argument is a box of HIPS autograd.
        extras: the rule returns ((value, extras), vjps ...) and the function returns (value, extras), where extras are bare:
            running statistics, indices, whatever carries no gradient.
    """
    if rule is None:
        return lambda rule: primitive(rule, twin=twin, extras=extras)

    @functools.wraps(rule)
    def function(*args, **kwargs):
        if any(type(argument) is Tensor for argument in args):
            return _record_with_extras(rule, args, kwargs) if extras else record(rule, args, kwargs)
        if twin is not None and any(type(argument).__module__.startswith("autograd") for argument in args):
            return twin(*args, **kwargs)
        return rule(*args, **kwargs)[0]

    function.rule, function.twin = rule, twin
    return function


def _record_with_extras(rule, args, kwargs):
    (value, extra), *vjps = rule(*[a.value if type(a) is Tensor else a for a in args], **kwargs)
    return Tensor(value, Step(value.shape, _parents(rule, args, vjps))), extra
