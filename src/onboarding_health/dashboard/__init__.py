"""The pages: Streamlit over the published copy of the marts."""
