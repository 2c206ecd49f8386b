"""Projects, contacts and documents. `panel serve dashboards/*.py` shows it."""

import panel as pn

import wsq
from wsq.views import library_page

library_page(pn.state.as_cached("workspace", wsq.open)).servable()
