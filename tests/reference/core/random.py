"""Philox4x32-10 and Box-Muller in plain Python integers and math functions."""

import math

LOW = 0xFFFFFFFF


def philox(counter, key):
    c = list(counter)
    k = [key & LOW, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & LOW, (p0 >> 32) ^ c[3] ^ k[1], p0 & LOW]
        k = [(k[0] + 0x9E3779B9) & LOW, (k[1] + 0xBB67AE85) & LOW]
    return c


def _block(key, sample, part, block):
    return philox([block & LOW, block >> 32, part, sample], key)


def _unit(high, low):
    return ((high << 20 | low >> 12) + 0.5) * 2.0**-52


def uniforms(key, sample, part, index):
    words = _block(key, sample, part, index // 2)
    return _unit(*words[2 * (index % 2) :][:2])


def normals(key, sample, part, index):
    words = _block(key, sample, part, index // 2)
    u, v = _unit(*words[:2]), _unit(*words[2:])
    turn = math.cos if index % 2 == 0 else math.sin
    return math.sqrt(-2 * math.log(u)) * turn(2 * math.pi * v)


def normals32(key, sample, part, index):
    words = _block(key, sample, part, index // 4)
    a, b = words[2 * (index % 4 // 2) :][:2]
    u, v = (a + 0.5) * 2.0**-32, (b + 0.5) * 2.0**-32
    turn = math.cos if index % 2 == 0 else math.sin
    return math.sqrt(-2 * math.log(u)) * turn(2 * math.pi * v)
