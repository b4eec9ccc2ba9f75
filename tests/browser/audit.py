"""What every page must be: within the screen, and without a fault that axe-core calls serious or critical."""

from pathlib import Path

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
GRAVE = {"serious", "critical"}
#: Of the rules that axe leaves out unless they are asked for: WCAG 2.5.8, which is new in 2.2.
RULES = {"target-size": {"enabled": True}}
NARROWEST = 320  # CSS pixels: 1280 at 400 % (WCAG 1.4.10)
RUN = """
async options => {
  const found = await axe.run(document, {...options, resultTypes: ['violations'], preload: false});
  const told = node => [...node.any, ...node.all, ...node.none].map(check => check.message).join(' ');
  return found.violations.map(({id, impact, help, nodes}) => (
    {id, impact, help, at: nodes.map(node => `${node.target.join(' ')}: ${told(node)}`)}));
}
"""
TOO_WIDE = """
async () => {
  const frame = () => new Promise(requestAnimationFrame);   // charts take their new width in the next one
  await frame(); await frame();
  const width = document.documentElement.clientWidth;
  const isClosed = element => getComputedStyle(element).overflowX !== 'visible';
  const scrolls = element => element && (isClosed(element) || scrolls(element.parentElement));
  const sticksOut = element => element.getBoundingClientRect().right > width + 1 && !scrolls(element.parentElement);
  const culprits = [...document.querySelectorAll('body *')].filter(sticksOut).slice(0, 5);
  return [document.documentElement.scrollWidth, width, culprits.map(element => element.outerHTML.slice(0, 120))];
}
"""


def prepare(context):
    """Let every page of `context` have axe at hand; sending it to each page when it is wanted takes longer."""
    context.add_init_script(path=AXE)


def violations(page, rules=RULES):
    """Return what axe finds on the page as it is shown now, as lines to read."""
    return [
        f"{found['impact']} {found['id']} ({found['help']})\n    " + "\n    ".join(found["at"][:4])
        for found in page.evaluate(RUN, {"rules": rules})
    ]


def grave(lines):
    return [line for line in lines if line.split()[0] in GRAVE]


def too_wide(page, width=NARROWEST):
    """Return what sticks out when the window is `width` wide; empty when nothing does."""
    page.set_viewport_size({"width": width, "height": 800})
    scroll, inner, culprits = page.evaluate(TOO_WIDE)
    return [f"{scroll} px in a window of {inner} px", *culprits] if scroll > inner else []
