"""The recurring tasks of all stores. Serve it with `panel serve dashboards/*.py`."""

import panel as pn

import wsq
from wsq.views import admin_page

admin_page(pn.state.as_cached("workspace", wsq.open)).servable()
