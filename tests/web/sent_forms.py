"""Forms of pages as a browser would send them."""

import re
from html import unescape

from tests.web.session_client import SessionClient


def form_of(person: SessionClient, path: str) -> dict[str, str]:
    """Return the form on a page as a browser would send it unchanged."""
    page = person.read(path).partition('id="okr-form"')[2].partition("</form>")[0]
    found = {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"(?! checked)', page)
        if 'type="checkbox"' not in name
    }
    boxes = set(re.findall(r'type="checkbox" name="([^"]+)"', page))
    ticked = set(re.findall(r'type="checkbox" name="([^"]+)" value="yes" checked', page))
    found = {name: value for name, value in found.items() if name not in boxes or name in ticked}
    found.update(dict.fromkeys(ticked, "yes"))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = unescape(chosen[1]) if chosen else ""
    for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
        found[name] = unescape(text)
    return {name: value for name, value in found.items() if name != "csrf_token"}
