"""Results, cost and duration of runs. Serve it with `panel serve dashboards/*.py`."""

from wsq.views import served, statistics_page

served(statistics_page).servable()
