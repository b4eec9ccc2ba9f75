/* Small behaviour of every page; nothing here is needed to read or to post.

   markup                                   behaviour
   <details class="menu" data-menu>         closes on Escape, on a click outside and when another one opens
   <button data-choose-theme="system|…">     chooses the theme (theme.js)
   <button data-copy="id">                  copies the text of #id
   <button data-help>, key ?                opens <dialog id="help">
   <a data-go="o">, keys g o                goes there
   <input data-filter>, key /               is focused
   <input type="checkbox" data-keys>        switches the single-key shortcuts off and on (kept in localStorage)
   <time datetime data-rel>                 its text is kept fresh: "17 min ago", "in 11 min"
   <… data-error-summary tabindex="-1">     is focused when the page opens
   <button data-dismiss>                    removes the .note around it

   The reader's time zone goes into the cookie `tz`; the server writes every time in that zone. */
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const store = {
    get: key => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } },
  };

  /* --- time --- */
  const NBSP = '\u00a0';
  /* The server's clock decides: a wrong clock here must not turn "12 s ago" into "5 min ago". */
  const skew = (Number(document.body.dataset.now) * 1000 || Date.now()) - Date.now();
  const now = () => Date.now() + skew;

  function duration(seconds) {
    const steps = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
    const index = Math.max(steps.findIndex(([size]) => seconds >= size), seconds >= 1 ? 0 : 3);
    const [size, unit] = steps[index], count = Math.floor(seconds / size);
    const [small, name] = steps[index + 1] || [], rest = small ? Math.floor(seconds % size / small) : 0;
    const alone = unit === 's' || unit === 'min' || (unit === 'd' && count >= 3) || !rest;
    return alone ? `${count}${NBSP}${unit}` : `${count}${NBSP}${unit} ${rest}${NBSP}${name}`;
  }
  function ago(then) {
    const seconds = (now() - then) / 1000;
    if (seconds > -5 && seconds < 1) return 'now';
    return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
  }
  function refreshTimes() {
    for (const time of $$('time[data-rel]')) {
      const words = ago(Date.parse(time.dateTime));
      if (time.textContent !== words) time.textContent = words;
    }
  }
  function tellTimeZone() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) document.cookie = `tz=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }

  /* --- menus, dialogs, theme, copying --- */
  const closeMenus = except => $$('details[data-menu][open]').forEach(menu => { if (menu !== except) menu.open = false; });

  function closeMenuWithEscape(event) {
    const menu = $('details[data-menu][open]');
    if (event.key !== 'Escape' || !menu) return;
    menu.open = false;
    $('summary', menu).focus();
  }
  function markTheme() {
    for (const button of $$('[data-choose-theme]')) {
      button.setAttribute('aria-pressed', String(button.dataset.chooseTheme === pdTheme.choice()));
    }
  }
  async function copy(button) {
    const label = $('[data-label]', button) || button, before = label.textContent;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
      label.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      label.textContent = 'Press Ctrl C';
    }
    setTimeout(() => { label.textContent = before; }, 2000);
  }
  const help = () => { const dialog = $('#help'); if (dialog && !dialog.open) dialog.showModal(); };

  document.addEventListener('click', event => {
    const hit = selector => event.target.closest?.(selector);
    closeMenus(hit('details[data-menu]'));
    const theme = hit('[data-choose-theme]')?.dataset.chooseTheme;
    if (theme) { pdTheme.choose(theme); markTheme(); closeMenus(); }
    if (hit('[data-copy]')) copy(hit('[data-copy]'));
    if (hit('[data-help]')) help();
    if (hit('[data-close]')) hit('dialog')?.close();
    if (hit('[data-dismiss]')) hit('.note')?.remove();
    if (event.target.matches?.('dialog.sheet')) event.target.close();   // the backdrop
  });

  /* --- single keys: none inside fields or with a modifier; can be switched off (WCAG 2.1.4) --- */
  let waitsForGo = 0;
  const keysAreOn = () => store.get('keys') !== 'off';
  const isTyping = target => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  function go(letter) {
    const link = $(`a[data-go="${CSS.escape(letter)}"]`);
    if (link) location.href = link.href;
  }
  function pressKey(event) {
    closeMenuWithEscape(event);
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.key === 'Escape' && event.target.matches?.('[data-filter]')) event.target.blur();
    if (!keysAreOn() || isTyping(event.target) || $('dialog[open]')) return;
    if (Date.now() < waitsForGo) { waitsForGo = 0; go(event.key.toLowerCase()); }
    else if (event.key === 'g') waitsForGo = Date.now() + 1500;
    else if (event.key === '?') help();
    else if (event.key === '/') { const filter = $('[data-filter]'); if (filter) { event.preventDefault(); filter.focus(); filter.select(); } }
  }
  function wireKeysSwitch() {
    for (const box of $$('[data-keys]')) {
      box.checked = keysAreOn();
      box.addEventListener('change', () => store.set('keys', box.checked ? 'on' : 'off'));
    }
  }

  document.addEventListener('keydown', pressKey);
  window.pd = { $, $$, now, duration, keysAreOn };
  tellTimeZone();
  markTheme();
  wireKeysSwitch();
  refreshTimes();
  setInterval(refreshTimes, 1000);
  $('[data-error-summary]')?.focus();
})();
