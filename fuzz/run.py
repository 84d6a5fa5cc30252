"""Fuzzes one decoder, guided by coverage (atheris): an error outside the tree, five seconds or 1 GB of memory end it.

python fuzz/run.py NAME SECONDS        started by ``make fuzz`` for each row of ``decoders.py``
"""

import pathlib
import sys

import atheris

HERE = pathlib.Path(__file__).parent
LIMITS = ("-rss_limit_mb=1024", "-timeout=5", "-malloc_limit_mb=512", "-print_final_stats=1", "-verbosity=0")


def main() -> None:
    """Run until the time is over; libFuzzer's exit code is ours."""
    name, seconds = sys.argv[1:3]
    with atheris.instrument_imports(include=["aicommons"]):
        import decoders

    new, kept = HERE.parent / ".fuzz" / "found" / name, HERE / "corpus" / name
    new.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)

    def once(data: bytes) -> None:
        decoders.check(name, data)

    limits = [f"-max_total_time={seconds}", f"-max_len={decoders.MOST_BYTES}", f"-artifact_prefix={new}/broken-"]
    atheris.Setup([sys.argv[0], *LIMITS, *limits, str(new), str(kept)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
