"""Projects, contacts and documents. Serve it with `panel serve dashboards/*.py`."""

import panel as pn

import wsq
from wsq.views import library_page

library_page(pn.state.as_cached("workspace", wsq.open)).servable()
