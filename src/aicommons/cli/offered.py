"""A run that asks for this home's data, as ``inbox show`` says it: the same that the owner's page shows, in text and JSON.

What is shown is made by ``owner/offers``; what others wrote is printed without control characters.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

from aicommons.cli import naming, output, telling
from aicommons.domain import ids, run

if TYPE_CHECKING:
    from aicommons import office
    from aicommons.node import agent as agents
    from aicommons.owner import offers


def as_json(offer: "offers.Offer") -> dict[str, Any]:
    """Return an offer for programs."""
    papers = offer.papers
    return {
        "solver": int(offer.current.spec.solver),
        "problem": None if offer.problem is None else dataclasses.asdict(offer.problem),
        "plan": ids.format_digest(offer.current.spec.plan),
        "recipe": None if papers is None else papers.recipe.name,
        "purpose": None if papers is None else papers.terms.purpose,
        "privacy": None if papers is None else papers.terms.privacy,
        "licence": None if papers is None else papers.terms.licence,
        "duties": [] if papers is None else [each.value for each in papers.terms.duties],
        "leaves_site": None if papers is None else papers.plan.leaves_site,
        "readers": list(offer.readers),
        "retention_seconds": None if papers is None else papers.terms.retention_seconds,
        "held_out_percent": None if papers is None else papers.plan.held_out_percent,
        "group": None if papers is None else papers.plan.group,
        **_terms_as_json(offer),
        "datasets": [_fit_as_json(fit, offer.money) for fit in offer.fits],
    }


def _terms_as_json(offer: "offers.Offer") -> dict[str, Any]:
    spec, kind = offer.current.spec, offer.money
    return {
        "most_rounds": spec.rounds,
        "sites": {
            "least": spec.min_participants,
            "most": spec.max_participants,
            "enrolled": len(offer.current.enrolled),
            "cell_size": spec.cell_size or None,
        },
        "suite": spec.suite,
        "most_price": kind.plain(spec.price),
        "bond": kind.plain(spec.bond),
        "bond_until": spec.bond_until if spec.bond else None,
        "symbol": kind.symbol,
        "token": None if spec.token == run.COIN else ids.format_id(spec.token),
        "commercial": offer.is_commercial,
        "shares": {"solver": spec.solver_shares, "problem_owner": spec.owner_shares, "sites": offer.site_shares},
    }


def _fit_as_json(fit: "offers.Fit", kind: "office.Token") -> dict[str, Any]:
    return {
        "dataset": fit.dataset_id,
        "title": fit.title,
        "fits": fit.is_fitting,
        "price": kind.plain(fit.price),
        "rows": fit.measured.rows,
        "people": fit.measured.people,
        "smallest_cell": None if fit.measured.cell is None else dataclasses.asdict(fit.measured.cell),
        "rounds": [
            {
                "stage": each.stage.value,
                "bytes": each.vector_bytes,
                "numbers": sum(block.length for block in each.blocks),
            }
            for each in fit.measured.sent
        ],
        "trouble": fit.measured.trouble,
        "consent": None if fit.consent_id is None else ids.format_id(fit.consent_id),
    }


def in_words(offer: "offers.Offer") -> list[str]:
    """Return an offer for people; the last line says what to do next."""
    said = [f"Run {ids.format_id(offer.run_id)}", f"  asked by   {offer.solver}"]
    if offer.problem is not None:
        said += [
            f"  problem    {naming.plain(offer.problem.title)} ({offer.problem_owner})",
            f"  decides    {naming.plain(offer.problem.decision, 200)}",
            f"  affects    {naming.plain(offer.problem.affected, 200)}",
        ]
    papers = offer.papers
    if papers is None:
        return [*said, "  the store does not give plan and terms now; without them nothing can be approved"]
    said += _plan_in_words(papers) + _terms_in_words(offer, papers)
    said += [f"  dataset    {_fit_in_words(fit, offer.money)}" for fit in offer.fits]
    key = f"run:{offer.run_id.hex()[:12]}"
    return [*said, f"Next: `{output.command(f'inbox approve {key}')}`, `ask {key} QUESTION` or `deny {key} REASON`."]


def _plan_in_words(papers: "agents.RunDocuments") -> list[str]:
    schema, plan = papers.recipe.schema, papers.plan
    groups = "" if plan.group is None else f", whole groups by {naming.plain(plan.group)}"
    return [
        f"  plan       {naming.plain(plan.title)}: {papers.recipe.name}",
        f"  predicts   {naming.predicts(schema)}",
        f"  purpose    {naming.plain(papers.terms.purpose)}",
        f"  leaves     {naming.plain(plan.leaves_site, 300)}",
        f"  held back  {plan.held_out_percent} of 100 rows, to judge the model{groups}",
    ]


def _terms_in_words(offer: "offers.Offer", papers: "agents.RunDocuments") -> list[str]:
    spec, terms, kind = offer.current.spec, papers.terms, offer.money
    duties = ", ".join(each.value.replace("_", " ") for each in terms.duties)
    days = terms.retention_seconds // naming.DAY
    price = f"the dataset's price (below), at most {kind.show(spec.price)}" if spec.price else "nothing"
    until = f"from your credit in the vault until the run is over, {naming.when(spec.bond_until)} at the latest"
    bond = [f"  bond       {kind.show(spec.bond)}, {until}; then anybody can bring it back to you"]
    cells = [
        f"  cells      the sites are summed in cells of at least {spec.cell_size}: readers see the sums of each cell"
    ]
    return [
        f"  readers    {', '.join(offer.readers) or 'nobody but the participants'}",
        f"  costs      at most {spec.rounds} rounds; epsilon: {naming.plain(terms.privacy)}",
        f"  sites      {spec.min_participants} to {spec.max_participants}, {len(offer.current.enrolled)} so far",
        *(cells if spec.cell_size else []),
        *telling.sealing(spec),
        f"  pays       {price}; {'also' if offer.is_commercial else 'not'} for commercial use",
        *(bond if spec.bond else []),
        f"  licence    {naming.plain(terms.licence or 'nobody says')}, of the model",
        f"  takes on   {duties or 'no duty'}",
        f"  shares     the sites share {offer.site_shares * 100 / run.ALL_SHARES:g} of 100 parts of the model equally",
        f"  kept       masked numbers stay in the store for {days} days after the end",
    ]


def _fit_in_words(fit: "offers.Fit", kind: "office.Token") -> str:
    smallest = fit.measured.cell
    cell = "" if smallest is None else f", smallest group {smallest.rows} ({naming.plain(smallest.name)})"
    people = "" if fit.measured.people is None else f" of {fit.measured.people} people who consent"
    words = f"{fit.measured.rows} rows{people}{cell}" if fit.is_fitting else f"does not fit: {fit.measured.trouble}"
    return f"{fit.dataset_id} {naming.plain(fit.title)}, price {kind.show(fit.price) if fit.price else 'none'}: {words}"
