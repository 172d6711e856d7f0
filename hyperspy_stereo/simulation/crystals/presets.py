"""The preset crystals, each number with its source."""

from __future__ import annotations

from fractions import Fraction

from hyperspy_stereo.simulation.crystals.structure import (
    FACE_CENTRES,
    BurgersFamily,
    Crystal,
    Site,
    face_centred_cubic,
    face_centred_families,
)

# Debye-Waller factors are for room temperature, rounded. "Peng 1996" is L.-M. Peng, G. Ren,
# S. L. Dudarev, M. J. Whelan, Acta Cryst. A52 (1996) 456: B of elemental crystals up to 280 K.
_PENG = "L.-M. Peng et al., Acta Cryst. A52 (1996) 456"


def _gamma_tial() -> Crystal:
    half, third, sixth = Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)
    plane = ((1, 1, 1),)
    return Crystal(
        name="TiAl",
        lattice=(0.4005, 0.4005, 0.407, 90, 90, 90),
        sites=(
            Site("Ti", FACE_CENTRES[0]),
            Site("Ti", FACE_CENTRES[1]),
            Site("Al", FACE_CENTRES[2]),
            Site("Al", FACE_CENTRES[3]),
        ),
        space_group=123,
        debye_waller={"Ti": 0.0050, "Al": 0.0060},
        debye_waller_source=(
            f"Ti as in the element ({_PENG}: 0.491 A^2 at 280 K); Al, bound more stiffly than in "
            "the element (0.746 A^2), assumed 0.60 A^2"
        ),
        burgers=(
            BurgersFamily("ordinary", (half, half, 0), plane),
            BurgersFamily("super 101", (1, 0, 1), plane),
            BurgersFamily("super 112", (half, half, 1), plane),
            BurgersFamily("shockley", (sixth, sixth, third), plane, partial=True),
            # the two parts of an ordinary dislocation; the fault between them is complex
            BurgersFamily("shockley csf", (third, sixth, sixth), plane, partial=True),
        ),
        poisson_ratio=0.24,
    )


def _gallium_nitride() -> Crystal:
    third, half = Fraction(1, 3), Fraction(1, 2)
    u = 0.377
    return Crystal(
        name="GaN",
        lattice=(0.3189, 0.3189, 0.5185, 90, 90, 120),
        sites=(
            Site("Ga", (1 / 3, 2 / 3, 0.0)),
            Site("Ga", (2 / 3, 1 / 3, 0.5)),
            Site("N", (1 / 3, 2 / 3, u)),
            Site("N", (2 / 3, 1 / 3, 0.5 + u)),
        ),
        space_group=186,
        debye_waller={"Ga": 0.0030, "N": 0.0040},
        debye_waller_source=(
            "rounded up from lattice dynamics, 0.27 (Ga) and 0.29 A^2 (N) at 300 K: M. Schowalter "
            "et al., Acta Cryst. A65 (2009) 227"
        ),
        burgers=(
            BurgersFamily("a", (1, 0, 0), ((0, 0, 1), (1, 0, 0), (1, 0, 1))),
            BurgersFamily("c", (0, 0, 1), ((1, 0, 0), (1, 1, 0))),
            BurgersFamily("a+c", (1, 0, 1), ((1, 0, 0), (1, 0, 1), (1, 1, 2))),
            BurgersFamily("shockley", (third, -third, 0), ((0, 0, 1),), partial=True),
            BurgersFamily("frank", (0, 0, half), partial=True),
            BurgersFamily("frank-shockley", (2 * third, third, half), partial=True),
        ),
        poisson_ratio=0.20,
    )


def _silicon() -> Crystal:
    shifted = [tuple(x + 0.25 for x in centre) for centre in FACE_CENTRES]
    return Crystal(
        name="Si",
        lattice=(0.5431, 0.5431, 0.5431, 90, 90, 90),
        sites=[Site("Si", place) for place in [*FACE_CENTRES, *shifted]],
        space_group=227,
        debye_waller={"Si": 0.0046},
        debye_waller_source=f"0.463 A^2 at 280 K, {_PENG}",
        burgers=face_centred_families(),
        poisson_ratio=0.22,
    )


def _cantor() -> Crystal:
    elements = ("Cr", "Mn", "Fe", "Co", "Ni")
    return face_centred_cubic(
        "CrMnFeCoNi",
        0.3597,
        dict.fromkeys(elements, 0.2),
        dict.fromkeys(elements, 0.0045),
        f"assumed: between f.c.c. Fe (0.533 A^2) and Ni (0.340 A^2) at 280 K in {_PENG}, one value "
        "for all elements",
        poisson_ratio=0.26,
    )


def _aluminium() -> Crystal:
    source = f"0.746 A^2 at 280 K in {_PENG}; measured values near 300 K go up to 0.86 A^2"
    return face_centred_cubic("Al", 0.405, {"Al": 1.0}, {"Al": 0.0086}, source, 0.347)


def _nickel() -> Crystal:
    source = f"0.340 A^2 at 280 K in {_PENG}, carried on to 300 K"
    return face_centred_cubic("Ni", 0.3524, {"Ni": 1.0}, {"Ni": 0.0037}, source, 0.31)


PRESETS = {
    preset.name.casefold(): preset
    for preset in (
        _gamma_tial(),
        _gallium_nitride(),
        _cantor(),
        _aluminium(),
        _nickel(),
        _silicon(),
    )
}

ALIASES = {
    "γ-tial": "tial",
    "gamma-tial": "tial",
    "gamma tial": "tial",
    "cantor": "crmnfeconi",
    "cocrfemnni": "crmnfeconi",
    "aluminium": "al",
    "nickel": "ni",
    "silicon": "si",
}
