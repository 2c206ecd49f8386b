"""What came of executions. `panel serve dashboards/*.py` shows it."""

import panel as pn

import wsq
from wsq.views import statistics_page

statistics_page(pn.state.as_cached("workspace", wsq.open)).servable()
