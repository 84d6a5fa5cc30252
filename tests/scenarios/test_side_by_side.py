"""Nodes that move a round's blobs side by side, over a store that fails now and then."""

import collections
import threading

from aicommons.domain import errors, run
from aicommons.store import memory


class Flaky(memory.MemoryStore):
    """A store that does not have a blob the first time it is asked for it, for every third blob; it notes who is asked."""

    def __init__(self, shared: memory.MemoryStore) -> None:
        super().__init__()
        self.got: collections.Counter[bytes] = collections.Counter()
        self._shared = shared.another()
        self._noting = threading.Lock()
        self.asked: dict[bytes, int] = {}
        self.failed: set[bytes] = set()

    def put(self, data: bytes | memoryview) -> bytes:
        """Keep for everybody."""
        return self._shared.put(data)

    def get(self, digest: bytes, limit: int) -> bytes:
        """Fail the first time for every third blob."""
        with self._noting:
            self.asked[digest] = self.asked.get(digest, 0) + 1
            if self.asked[digest] == 1 and len(self.asked) % 3 == 0:
                self.failed.add(digest)
                raise errors.StoreUnreachable("the connection broke", which=digest.hex())
        data = self._shared.get(digest, limit)
        with self._noting:
            self.got[digest] += 1
        return data


def test_what_broke_is_asked_for_again_alone(stage) -> None:
    """A node that gets blobs side by side comes to the others' states, and what it got it does not get again."""
    with stage.scene(4) as scene:
        flaky = Flaky(scene.simulation.commons.store)
        scene.change(1, store=flaky, width=3)
        assert scene.play().state is run.RunState.COMPLETED
        assert len({tuple(digests) for digests in scene.states().values()}) == 1
        assert flaky.failed
        assert max(flaky.got.values()) == 1
