"""Memory and processors of EC2 instance types, by their families' rule."""

from __future__ import annotations

import re

GIB = 1 << 30

_BURSTABLE_GIB = {
    "nano": 0.5,
    "micro": 1,
    "small": 2,
    "medium": 4,
    "large": 8,
    "xlarge": 16,
    "2xlarge": 32,
}
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "x": 16}


_TYPE = re.compile(r"([a-z])\d+[a-z]*\.(nano|micro|small|medium|large|(\d*)xlarge)")


def memory_bytes(instance_type: str) -> int | None:
    """Memory of an instance type in bytes; None when the rule does not know it.

    T types have sizes of their own; C, M, R and X have 2, 4, 8 and 16 GiB a vCPU
    (https://aws.amazon.com/ec2/instance-types/).
    """
    match = _TYPE.fullmatch(instance_type)
    if not match:
        return None
    family, size = match.group(1, 2)
    if family == "t":
        gib = _BURSTABLE_GIB.get(size)
        return None if gib is None else int(gib * GIB)
    processors = vcpus(instance_type)
    if family not in _GIB_PER_VCPU or not processors:
        return None
    return _GIB_PER_VCPU[family] * processors * GIB


def vcpus(instance_type: str) -> int | None:
    """Processors of an instance type; None when the rule does not know it.

    ``medium`` has one, ``large`` two, ``xlarge`` four; T types have two up to ``large``.
    """
    match = _TYPE.fullmatch(instance_type)
    if not match:
        return None
    family, size, multiple = match.groups()
    if "xlarge" in size:
        return 4 * int(multiple or 1)
    if family == "t":
        return 2
    return {"medium": 1, "large": 2}.get(size)
