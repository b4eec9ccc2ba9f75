/* Several rows at once.

   markup                                              behaviour
   <input type="checkbox" data-select form="bulk">     one row; with Shift all from the last one to here
   <input type="checkbox" data-select-all>             all rows that are shown
   <form id="bulk" data-select-bar>                    is shown while a row is ticked; [data-select-count] says how many
   key x                                               ticks the row whose link has the focus

   Without a script the bar stands below the table and works as it is. */
(() => {
  const { $, $$ } = window.pd;
  const boxes = () => $$('[data-select]');
  let last = null;

  function show() {
    const bar = $('[data-select-bar]'), all = $('[data-select-all]'), ticked = boxes().filter(box => box.checked).length;
    if (!bar) return;
    bar.hidden = !ticked && !$('[role="alert"]', bar);
    $('[data-select-count]', bar).textContent = `${ticked} ticked:`;
    if (all) { all.checked = ticked > 0 && ticked === boxes().length; all.indeterminate = ticked > 0 && !all.checked; }
    for (const box of boxes()) box.closest('tr')?.setAttribute('aria-selected', String(box.checked));
  }
  /* An input event, too: live.js then keeps what was ticked through a refresh. */
  function tick(box, checked) {
    if (box.checked === checked) return;
    box.checked = checked;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }
  document.addEventListener('click', event => {
    const box = event.target.closest?.('[data-select]'), all = event.target.closest?.('[data-select-all]');
    if (all) boxes().forEach(one => tick(one, all.checked));
    if (box && event.shiftKey && last?.isConnected) {
      const [from, to] = [boxes().indexOf(last), boxes().indexOf(box)].sort((a, b) => a - b);
      boxes().slice(from, to + 1).forEach(one => tick(one, box.checked));
    }
    if (box) last = box;
    if (box || all) show();
  });
  document.addEventListener('keydown', event => {
    if (event.key !== 'x' || event.ctrlKey || event.metaKey || event.altKey || !window.pd.keysAreOn?.()) return;
    const box = $('[data-select]', event.target.closest?.('tr') || document.createElement('tr'));
    if (box && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) { tick(box, !box.checked); show(); }
  });
  document.addEventListener('htmx:afterSettle', show);
  addEventListener('pageshow', show);
  show();
})();
