"""The one look of pages and pictures: colours of both themes, bands with their shape and word, a Plotly template, a theme."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

#: Streamlit brings the first one along.
FONT = '"Source Sans", system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True)
class Tokens:
    """The colours of a theme."""

    name: str
    ground: str
    card: str
    line: str
    ink: str
    quiet: str
    accent: str
    green: str
    yellow: str
    red: str
    unknown: str

    def band(self, band: str | None) -> str:
        """The colour of a band; that of the unknown where there is none."""
        return {"green": self.green, "yellow": self.yellow, "red": self.red}.get(band or "", self.unknown)

    def faded(self, colour: str, opacity: float) -> str:
        """The colour with an opacity, as CSS and Plotly write it."""
        red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


LIGHT = Tokens(
    "light", "#FBFAF7", "#FFFFFF", "#E4E1DA", "#1F2328", "#62676E", "#2F5D9B", "#1B7F5C", "#96600F", "#B3361F", "#6F747D"
)
DARK = Tokens(
    "dark", "#15171A", "#1D2024", "#33373D", "#ECECEA", "#9AA0A8", "#7FA8E0", "#4FBF95", "#E0B050", "#F0806A", "#8C939C"
)
SHAPES = {"green": "●", "yellow": "▲", "red": "■"}
UNKNOWN_SHAPE = "○"


def template(tokens: Tokens) -> go.layout.Template:
    """The Plotly template of a theme: no grid but light rules, numbers in the ink, room for direct labels."""
    axis = {
        "gridcolor": tokens.line, "linecolor": tokens.line, "zerolinecolor": tokens.line, "ticks": "", "showgrid": False,
        "tickfont": {"color": tokens.quiet, "size": 12}, "title": {"font": {"color": tokens.quiet, "size": 12}},
        "automargin": True, "fixedrange": True,
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": tokens.ink},
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "colorway": [tokens.accent, tokens.quiet],
            "xaxis": axis, "yaxis": axis | {"showgrid": True}, "showlegend": False, "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {"bgcolor": tokens.card, "bordercolor": tokens.line, "font": {"color": tokens.ink, "family": FONT}},
            "separators": ". ", "dragmode": False, "bargap": 0.25,
        }
    )  # fmt: skip


def theme_options() -> list[str]:
    """The options of Streamlit that give it both themes; it takes the one of the reader's system."""
    options = []
    for tokens in (LIGHT, DARK):
        for name, value in (
            ("primaryColor", tokens.accent), ("backgroundColor", tokens.ground), ("secondaryBackgroundColor", tokens.card),
            ("textColor", tokens.ink), ("borderColor", tokens.line), ("linkColor", tokens.accent),
        ):  # fmt: skip
            options += [f"--theme.{tokens.name}.{name}", value]
    return [*options, "--theme.baseFontSize", "15", "--theme.baseRadius", "6px", "--theme.showWidgetBorder", "true"]


def css(tokens: Tokens) -> str:
    """The few rules that Streamlit's theme does not reach: cards, tables, the sentence on top, what is printed."""
    return f"""
    <style>
    [data-testid="stMainBlockContainer"] {{ padding: 3.2rem 1.5rem 3rem; max-width: 1240px; }}
    [data-testid="stVerticalBlock"] {{ gap: .75rem; }}
    .oh {{ font-size: 14px; line-height: 1.5; color: {tokens.ink}; font-variant-numeric: tabular-nums; }}
    .oh h1 {{ font-size: 24px; line-height: 1.3; font-weight: 650; margin: 0 0 4px; padding: 0; letter-spacing: -.01em;
              max-width: 44em; text-wrap: balance; }}
    .oh h2 {{ font-size: 17px; line-height: 1.35; font-weight: 650; margin: 16px 0 0; padding: 0; }}
    .oh h3 {{ font-size: 15px; line-height: 1.35; font-weight: 600; margin: 8px 0 0; padding: 0; }}
    .oh p {{ margin: 0; max-width: 76ch; }}
    .oh .quiet, .oh small {{ color: {tokens.quiet}; font-size: 12.5px; }}
    .oh .cards {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 8px; margin: 8px 0; }}
    .oh .card {{ background: {tokens.card}; border: 1px solid {tokens.line}; border-radius: 6px; padding: 12px 14px;
                 min-width: 0; }}
    .oh .card .name {{ color: {tokens.quiet}; font-size: 12.5px; }}
    .oh .card .value {{ font-size: 22px; font-weight: 650; line-height: 1.3; }}
    .oh .card .value.few {{ font-size: 15px; color: {tokens.quiet}; font-weight: 500; }}
    .oh .card img {{ display: block; margin: 4px 0; width: 100%; height: 28px; }} .oh img.spark {{ vertical-align: middle; }}
    .oh table {{ width: 100%; border-collapse: collapse; margin: 4px 0; }}
    .oh th {{ text-align: left; font-size: 12.5px; font-weight: 500; color: {tokens.quiet}; padding: 4px 10px 4px 0;
              border: 0; border-bottom: 1px solid {tokens.line}; vertical-align: bottom; }}
    .oh td {{ padding: 9px 10px 9px 0; border: 0; border-bottom: 1px solid {tokens.line}; vertical-align: top; }}
    .oh .num {{ text-align: right; white-space: nowrap; }}
    .oh tr.opens {{ position: relative; }}
    .oh tr.opens:hover, .oh tr.opens:focus-within {{ background: {tokens.faded(tokens.accent, 0.08)}; }}
    .oh tr.opens a::after {{ content: ""; position: absolute; inset: 0; }}
    .oh a {{ color: {tokens.accent}; font-weight: 600; text-decoration: none; }}
    .oh a:hover {{ text-decoration: underline; }}
    .oh a:focus-visible {{ outline: 2px solid {tokens.accent}; outline-offset: 2px; }}
    .oh .band {{ font-weight: 600; white-space: nowrap; }}
    .oh .bar {{ display: block; height: 6px; border-radius: 3px; background: {tokens.line}; overflow: hidden; min-width: 60px; }}
    .oh .bar i {{ display: block; height: 6px; background: {tokens.accent}; }}
    .oh ul, .oh ol {{ margin: 4px 0 0; padding-left: 20px; }} .oh li {{ margin: 0 0 4px; font-size: 14px; }}
    .oh .note {{ border-left: 3px solid {tokens.line}; padding: 2px 0 2px 12px; }}
    .oh .wide {{ overflow-x: auto; }}
    @media screen and (max-width: 720px) {{
      [data-testid="stMainBlockContainer"] {{ padding: 4.6rem .9rem 2rem; }}
      .oh h1 {{ font-size: 20px; }}
      .oh .cards {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }} .oh .card {{ padding: 10px; }}
      .oh table.list thead {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
      .oh table.list tr {{ display: block; padding: 10px 0; border-bottom: 1px solid {tokens.line}; }}
      .oh table.list td {{ display: block; border: 0; padding: 1px 0; text-align: left; white-space: normal; }}
      .oh table.list td[data-name]::before {{ content: attr(data-name) " "; color: {tokens.quiet}; font-size: 12.5px; }}
      .oh table.list td:empty {{ display: none; }}
    }}
    @media print {{ [data-testid="stSidebar"], [data-testid="stHeader"], .stDownloadButton {{ display: none; }} }}
    </style>"""
