"""What happened since your last visit. Serve it with `panel serve dashboards/*.py`."""

import panel as pn

import wsq
from wsq.views import since_page

since_page(pn.state.as_cached("workspace", wsq.open)).servable()
