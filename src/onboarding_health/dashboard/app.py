"""The entry point that Streamlit runs: the look, and navigation by role."""

import streamlit as st

from onboarding_health.dashboard import parts
from onboarding_health.dashboard.frame import framed
from onboarding_health.dashboard.tokens import css
from onboarding_health.dashboard.views import account, customer_success, executive, revenue_operations, what_if

st.set_page_config(page_title="Onboarding health", page_icon="🌱", layout="wide", initial_sidebar_state="auto")
st.html(css(parts.tokens()))
st.navigation(
    {
        "Customer success": [
            st.Page(framed(customer_success.page), title="Today", default=True),
            st.Page(framed(account.page), title="Account", url_path="account"),
        ],
        "Company": [
            st.Page(framed(executive.page), title="Executive", url_path="executive"),
            st.Page(framed(revenue_operations.page), title="Revenue operations", url_path="operations"),
            st.Page(framed(what_if.page), title="What if", url_path="what-if"),
        ],
    }
).run()
