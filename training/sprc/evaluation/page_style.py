"""Looks of the evaluation page."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { max-width: 1500px; margin: 2rem auto; padding: 0 1rem }
pre { overflow-x: auto; font-size: 13px }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem .2rem 0; text-align: left }
.curves { max-width: 100%; background: #fff }
article { border-top: 1px solid #8886; padding: .5rem 0 }
h3 { margin: .3rem 0; font-size: 1rem }
p { margin: .3rem 0 }
.row { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center }
figure { margin: 0; width: 124px; text-align: center; border: 2px solid transparent }
figure img { max-width: 120px; max-height: 120px }
figure.target { border-color: #2a9d3f }
figure.right { border-color: #2a9d3f88; border-style: dashed }
figure.same { border-color: #d98a00 }
figcaption { font-size: 12px }
.arrow { font-size: 1.5rem }
"""
