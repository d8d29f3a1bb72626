"""A few invented requests to every operation the sandbox serves; more by `python -m tests.sandbox.fuzz`."""

import pytest

from tests.sandbox import fuzz

EXAMPLES = 10


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> fuzz.World:
    return fuzz.World(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize(("path", "method"), fuzz.operations(), ids=[f"{method} {path}" for path, method in fuzz.operations()])
def test_invented_requests_are_answered_as_described(world: fuzz.World, path: str, method: str) -> None:
    if fuzz.serves(world.app, path, method):
        fuzz.attempt(world, path, method, examples=EXAMPLES)
    else:
        answer = world.send(method, path)
        assert answer.status_code in (404, 405)
        assert answer.json["error"]["code"] == answer.status_code


def test_description_beside_which_statuses_are_allowed_knows_the_operations() -> None:
    assert set(fuzz.BESIDE) <= {f"{method} {path}" for path, method in fuzz.operations()}
    described = fuzz.published()["paths"]
    for name, statuses in fuzz.BESIDE.items():
        method, path = name.split(" ")
        assert not statuses & set(described[path][method.lower()]["responses"]), f"{name} is described by now"
