"""How MediaPipe's 468 face points join to a surface: its triangles, the eyes' and the mouth's openings."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from functools import lru_cache

# Outlines of the openings, from corner to corner along the upper and the lower edge.
UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The rim of the mesh, clockwise in the picture from the forehead."""

Triangle = tuple[int, int, int]


@lru_cache(maxsize=1)
def skin() -> tuple[Triangle, ...]:
    """The triangles of the face without the openings, corners clockwise in the picture of a frontal face."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    around: dict[int, set[int]] = defaultdict(set)
    for a, b in FACEMESH_TESSELATION:
        around[a].add(b)
        around[b].add(a)
    found = {tuple(sorted((a, b, c))) for a, b in FACEMESH_TESSELATION for c in around[a] & around[b]}
    return _alike(_on_surface(found), start=(OVAL[0], OVAL[1]))


def mouth() -> tuple[Triangle, ...]:
    """Triangles over the mouth's opening: the teeth, or the line of the lips."""
    return strip(_UPPER_LIP, _LOWER_LIP)


def strip(upper: tuple[int, ...], lower: tuple[int, ...]) -> tuple[Triangle, ...]:
    """Triangles between two lines of points that share both ends; clockwise when they run left to right."""
    triangles: list[Triangle] = []
    for i in range(len(upper) - 1):
        for triangle in ((upper[i], upper[i + 1], lower[i + 1]), (upper[i], lower[i + 1], lower[i])):
            if len(set(triangle)) == 3:
                triangles.append(triangle)
    return tuple(triangles)


def _on_surface(found: Iterable[tuple[int, ...]]) -> list[Triangle]:
    """Leave out three edges that close round other triangles: each of them has two triangles without it."""
    triangles = [(t[0], t[1], t[2]) for t in sorted(found)]
    uses = Counter(edge for triangle in triangles for edge in _edges(triangle))
    return [t for t in triangles if not all(uses[edge] > 2 for edge in _edges(t))]


def _edges(triangle: Triangle) -> list[frozenset[int]]:
    a, b, c = triangle
    return [frozenset((a, b)), frozenset((b, c)), frozenset((c, a))]


def _alike(triangles: list[Triangle], start: tuple[int, int]) -> tuple[Triangle, ...]:
    """Order all corners alike, from the triangle at the rim's edge `start` across shared edges."""
    by_edge: dict[frozenset[int], list[int]] = defaultdict(list)
    for number, triangle in enumerate(triangles):
        for edge in _edges(triangle):
            by_edge[edge].append(number)
    ordered: dict[int, Triangle] = {}
    queue: deque[tuple[int, int, int]] = deque([(by_edge[frozenset(start)][0], *start)])
    while queue:
        number, a, b = queue.popleft()
        if number in ordered:
            continue
        c = next(corner for corner in triangles[number] if corner not in (a, b))
        ordered[number] = (a, b, c)
        for p, q in ((a, b), (b, c), (c, a)):
            queue.extend((other, q, p) for other in by_edge[frozenset((p, q))] if other not in ordered)
    return tuple(ordered[number] for number in sorted(ordered))
