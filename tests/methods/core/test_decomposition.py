"""Decompositions are counted as the textbook counts them."""

from __future__ import annotations

import pytest

from methods.core import decomposition


def test_the_counts_of_square_matrices_are_the_well_known_ones() -> None:
    """In operations, two a MAC: 8/3 n^3 for singular values, 4/3 n^3 for R, 9 n^3 for eigenvectors."""
    assert 2 * decomposition.singular_values(30, 30) == pytest.approx(8 / 3 * 30**3)
    assert 2 * decomposition.triangle(30, 30) == pytest.approx(4 / 3 * 30**3)
    assert 2 * decomposition.eigenvectors(30) == pytest.approx(9 * 30**3)


def test_a_matrix_costs_what_its_transpose_costs_and_grows_linearly_in_its_long_side() -> None:
    assert decomposition.singular_values(100, 4) == decomposition.singular_values(4, 100)
    long, longer = (decomposition.singular_values(side, 1) for side in (1000, 2000))
    assert longer / long == pytest.approx(2, rel=1e-3)
