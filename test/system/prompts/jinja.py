"""Renders templates with Jinja2. JSON in, JSON out: `[template, values]` becomes the text, or null where Jinja2 refuses it."""

import json
import sys

import jinja2


def render(template, values):
    try:
        return jinja2.Environment().from_string(template).render(values)
    except Exception:
        return None


json.dump([render(*each) for each in json.load(sys.stdin)], sys.stdout)
