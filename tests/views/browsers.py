"""What the script in the browser makes of the messages that it hears."""


def patched(shown, patch):
    """The cards by id as a patch leaves them, where `shown` were."""
    cards = {**shown, **{news["id"]: _whole(shown.get(news["id"]), news) for news in patch["cards"]}}
    return {id_: card for id_, card in cards.items() if id_ not in patch["gone"]}


def _whole(known, news):
    if known is None:
        return news
    card = {**known, **news}
    if "runs" in news:
        runs = {run["id"]: run for run in known["runs"]}
        card["runs"] = [runs[run] if isinstance(run, str) else run for run in news["runs"]]
    return card
