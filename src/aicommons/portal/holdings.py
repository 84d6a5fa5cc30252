"""The pages of this home's datasets: state and versions, in and out of use, and the models that each is in.

What is shown and done is ``owner/holdings``' and ``owner/lineage``'s business; what cannot be undone is asked for twice.
"""

from collections.abc import Callable

import fastapi
from fastapi import responses

from aicommons.domain import errors, events
from aicommons.owner import holdings, lineage
from aicommons.portal import pages as shared
from aicommons.portal import routes


def make(pages: shared.Pages) -> fastapi.APIRouter:
    """Return the routes of the datasets' pages."""
    router = fastapi.APIRouter()
    made = Datasets(pages)
    router.add_api_route("/datasets", made.all, methods=["GET"], response_model=None)
    router.add_api_route("/datasets/{dataset_id:int}", made.one, methods=["GET"], response_model=None)
    for path, function in made.table().items():
        router.add_api_route(path, function, methods=["POST"], response_model=None)
    return router


AGAIN = "open the dataset's page again and press one of its buttons"


class Datasets:
    """The datasets' pages and their forms."""

    def __init__(self, pages: shared.Pages) -> None:
        self._pages = pages

    def table(self) -> dict[str, Callable[..., object]]:
        """Return path -> the form that it takes."""
        return {"/datasets/{dataset_id:int}/state": self.change, "/datasets/{dataset_id:int}/models/{run}": self.ask}

    def all(self, request: fastapi.Request) -> responses.HTMLResponse:
        """Show the datasets of this home."""
        return self._pages.render(request, "datasets.html", found=holdings.holdings(self._pages.clerk.place))

    def one(self, request: fastapi.Request, dataset_id: int) -> responses.HTMLResponse:
        """Show one dataset with the models that it is in."""
        clerk = self._pages.clerk
        found = holdings.find(clerk.place, dataset_id)
        models = lineage.models(clerk.place, clerk.papers, dataset_id)
        return self._pages.render(request, "dataset.html", found=found, models=models)

    def change(self, dataset_id: int, form: routes.Form) -> responses.RedirectResponse:
        """Suspend, resume or retire a dataset."""
        try:
            act = holdings.Act(form.get("act"))
        except ValueError as err:
            raise errors.InputError(
                "no such act", which="act", expected="suspend, resume or retire", next_step=AGAIN
            ) from err
        if act is not holdings.Act.RESUME and "confirmed" not in form:
            raise errors.InputError(
                "not confirmed; nothing was changed",
                which=f"dataset {dataset_id}",
                next_step="go back and tick that it is meant",
            )
        clerk = self._pages.clerk
        by = routes.speaker(clerk, form)
        with clerk.inbox() as kept:
            holdings.change(clerk.place, kept, dataset_id, act, by=by, reason=form.get("reason", "").strip())
        return responses.RedirectResponse(f"/datasets/{dataset_id}?said=saved", 303)

    def ask(self, dataset_id: int, run: str, form: routes.Form) -> responses.RedirectResponse:
        """Ask the owners of a model to retrain or retire it."""
        try:
            wish = events.Wish[form.get("wish", "").upper()]
        except KeyError as err:
            raise errors.InputError(
                "no such wish", which="wish", expected="retrain or retire", next_step=AGAIN
            ) from err
        clerk = self._pages.clerk
        by = routes.speaker(clerk, form)
        lineage.ask(clerk.place, routes.run_id_of(run), dataset_id, wish, reason=form.get("reason", ""), by=by)
        return responses.RedirectResponse(f"/datasets/{dataset_id}?said=wished", 303)
