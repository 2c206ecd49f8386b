"""Results, cost and duration of runs. Serve it with `panel serve dashboards/*.py`."""

import panel as pn

import wsq
from wsq.views import statistics_page

statistics_page(pn.state.as_cached("workspace", wsq.open)).servable()
