"""Problem documents, as tests look at them."""

from typing import Any

__all__ = [
    "NO_ID",
    "well_formed",
]


NO_ID = "01900000-0000-7000-8000-000000000000"


def well_formed(problem: Any, status: int) -> bool:
    """Whether it is a problem document as the contract has it."""
    return (
        problem["status"] == status
        and problem["type"] == f"/problems/{problem['code'].replace('_', '-')}"
        and bool(problem["title"])
        and bool(problem["detail"])
        and bool(problem["requestId"])
        and len(problem["errors"]) >= 1
        and all(entry["message"] for entry in problem["errors"])
    )
