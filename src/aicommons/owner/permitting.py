"""What stands against a dataset of this home taking part in a run: its use policy and its card, in words.

Called before anything is sent: by ``run enrol``, by the inbox (what is shown, and before an approval is carried out), and by
``rosters`` before a roster is confirmed. The node asks ``node/permission`` the same again before each contribution.
"""

import functools
import time
from collections.abc import Sequence

from aicommons import app
from aicommons.domain import errors, ids
from aicommons.node import agent as agents
from aicommons.node import permission
from aicommons.owner import places
from aicommons.protocol import rules
from aicommons.protocol import view as views


def check(
    place: places.Place,
    run_id: ids.RunId,
    papers: agents.RunDocuments,
    *,
    part: agents.Part,
    consent: rules.Consent | None,
) -> None:
    """Check that a dataset's version may take part in a run under a consent.

    Raises:
        errors.UseDenied: it may not, with every reason.
        errors.LedgerMismatch: the ledger shows another policy or card than this home published.
        errors.InputError: this home does not know that version.
        errors.StoreUnreachable: policy or card are not in this home, and the store does not answer.
    """
    view = place.desk.view()
    permission.check(view, _shelves(place), _asked(place, view, run_id, papers, part=part, consent=consent))


def check_seat(place: places.Place, run_id: ids.RunId, *, part: agents.Part, consent_id: bytes) -> None:
    """Check that what this home enrolled is still permitted; raises like ``check``, and as reading the run's documents."""
    view = place.desk.view()
    papers = agents.read_terms(place.store, view.runs[run_id])
    check(place, run_id, papers, part=part, consent=permission.consent_of(view, consent_id, run_id))


def objection(
    place: places.Place,
    run_id: ids.RunId,
    papers: agents.RunDocuments,
    *,
    part: agents.Part,
    consent: rules.Consent | None,
) -> str | None:
    """Return in words what ``check`` would refuse, ``None`` when nothing stands against it."""
    try:
        check(place, run_id, papers, part=part, consent=consent)
    except errors.UseDenied as err:
        return " ".join(err.reasons)
    except (errors.InputError, errors.StoreUnreachable, errors.LedgerMismatch) as err:
        return str(err)
    return None


def _shelves(place: places.Place) -> permission.Shelves:
    return permission.Shelves(place.store, app.own_documents(place.home))


def _asked(
    place: places.Place,
    view: views.LedgerView,
    run_id: ids.RunId,
    papers: agents.RunDocuments,
    *,
    part: agents.Part,
    consent: rules.Consent | None,
) -> permission.Asked:
    known = place.home.dataset_version(part.dataset_id, part.version)
    if known is None:
        raise unknown(part)
    return permission.Asked(
        spec=view.runs[run_id].spec,
        papers=papers,
        part=part,
        consent=consent,
        now=int(max(time.time(), view.time)),
        as_mapped=functools.partial(_as_mapped, place.home, part),
        own=app.published_as(known),
    )


def _as_mapped(home: app.Home, part: agents.Part, names: Sequence[str]) -> Sequence[str]:
    own = app.own_version(home, part)
    if own is None:
        raise unknown(part)
    return own.as_mapped(names)


def unknown(part: agents.Part) -> errors.InputError:
    """Return what is wrong with a dataset's version that is not in this home."""
    return errors.InputError(
        "this home does not know the dataset's file",
        which=f"dataset {part.dataset_id}, version {part.version}",
        next_step="publish it from this home: `commons dataset publish`",
    )
