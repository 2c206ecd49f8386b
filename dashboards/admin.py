"""The recurring tasks of all stores. Serve it with `panel serve dashboards/*.py`."""

from wsq.views import admin_page, served

served(admin_page).servable()
