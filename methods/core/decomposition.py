"""MACs of matrix decompositions, by the operation counts of Golub and Van Loan, "Matrix computations", 4th edition.

Two of their floating point operations are a MAC.
"""

from __future__ import annotations


def singular_values(rows: int, columns: int) -> float:
    """MACs of all singular values of a matrix, without its vectors (figure 8.6.1: 4 m n^2 - 4/3 n^3 operations)."""
    n, m = sorted((rows, columns))
    return 2 * m * n**2 - 2 / 3 * n**3


def triangle(rows: int, columns: int) -> float:
    """MACs of R of a Householder QR of a tall matrix (section 5.2.2: 2 n^2 (m - n/3) operations)."""
    return columns**2 * (rows - columns / 3)


def eigenvectors(size: int) -> float:
    """MACs of all eigenvalues and eigenvectors of a symmetric matrix (section 8.3.3: 9 n^3 operations)."""
    return 4.5 * size**3
