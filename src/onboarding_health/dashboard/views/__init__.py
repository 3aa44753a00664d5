"""A module per page; each has a function `page`. A folder called pages would be read by Streamlit itself, as its older kind."""
