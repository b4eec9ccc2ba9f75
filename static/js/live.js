/* Live regions, and every other htmx request.

   A live region polls itself and morphs, so that focus, caret, scroll, open <details> and half-typed text survive:

     <section id="watch" data-live data-etag="…" hx-get="…" hx-trigger="every 5s" hx-ext="morph" hx-swap="morph:outerHTML">

   It needs a stable id, and so does each row in it. Polling ends with the markup: answer without hx-trigger (or 286).

   Unchanged means 304 and no swap. The browser's cache cannot do this for us: pages of signed-in people are
   `no-store`, and a cached 304 reaches a script as 200 with the old body. So the ETag is remembered here per region
   (first from data-etag, then from each answer) and sent as If-None-Match, which makes the browser hand the 304 through.
   The view sets the header ETag itself and answers 304 when it matches; Django's ConditionalGetMiddleware skips no-store.

   Hidden tabs do not poll and refresh at once when they are shown again. While the server is down, polls back off with
   jitter, up to two minutes. 401, or an answer that is the sign-in page, shows one notice and keeps everything typed.
   An element with data-morph-keep keeps its children as they are (charts draw into theirs). */
(() => {
  const { $, $$, duration } = window.pd;
  const FRESH_FOR = 60_000, FIRST_PAUSE = 5_000, LONGEST_PAUSE = 120_000, POLL_TIMEOUT = 20_000;
  const shown = Date.now();
  const regions = new WeakMap();   // live element -> {url, etag, at, failures, notBefore}

  function region(element) {
    if (!regions.has(element)) regions.set(element, { url: '', etag: '', at: shown, failures: 0, notBefore: 0 });
    return regions.get(element);
  }
  const isLive = element => element.matches?.('[data-live]');

  /* --- requests --- */
  function csrfToken() {
    const name = document.body.dataset.csrfCookie;
    return document.cookie.split('; ').find(part => part.startsWith(`${name}=`))?.slice(name.length + 1);
  }
  function preparePoll(event) {
    const { elt, headers, path } = event.detail, known = region(elt);
    if (document.hidden || Date.now() < known.notBefore) return event.preventDefault();
    if (known.url !== path) Object.assign(known, { url: path, etag: elt.dataset.etag || '' });
    if (known.etag) headers['If-None-Match'] = known.etag;
    event.detail.timeout = POLL_TIMEOUT;
  }
  document.addEventListener('htmx:configRequest', event => {
    const token = csrfToken();
    if (event.detail.verb !== 'get' && token) event.detail.headers['X-CSRFToken'] = token;
    if (isLive(event.detail.elt)) preparePoll(event);
  });
  /* A form that lay open while somebody signed in again holds an old token; the cookie has the new one. */
  document.addEventListener('submit', event => {
    const field = event.target.elements?.csrfmiddlewaretoken, token = csrfToken();
    if (field && token) field.value = token;
  }, true);

  /* --- answers --- */
  const isSignIn = xhr => xhr.responseURL && new URL(xhr.responseURL).pathname === document.body.dataset.signIn
    && location.pathname !== document.body.dataset.signIn;

  function succeed(element, xhr) {
    Object.assign(region(element), { at: Date.now(), failures: 0, notBefore: 0 });
    if (xhr.status !== 304) Object.assign(region(element), { etag: xhr.getResponseHeader('ETag') || '' });
  }
  function fail(element, xhr) {
    const known = region(element), asked = Number(xhr?.getResponseHeader('Retry-After')) * 1000 || 0;
    const pause = Math.min(FIRST_PAUSE * 2 ** known.failures++, LONGEST_PAUSE);
    known.notBefore = Date.now() + Math.max(pause * (.5 + Math.random() / 2), Math.min(asked, LONGEST_PAUSE));
  }
  document.addEventListener('htmx:beforeOnLoad', event => {
    const { xhr, elt } = event.detail, signedOut = xhr.status === 401 || isSignIn(xhr);
    if (signedOut) { notice('signed-out'); event.preventDefault(); } else if (isLive(elt)) withdraw('signed-out');
    withdraw('no-answer');
    if (!isLive(elt)) return;
    if (signedOut || xhr.status >= 400) fail(elt, xhr); else succeed(elt, xhr);
    showFreshness();
  });
  for (const name of ['htmx:sendError', 'htmx:timeout']) {
    document.addEventListener(name, event => {
      if (isLive(event.detail.elt)) fail(event.detail.elt);
      else notice('no-answer');
    });
  }
  document.addEventListener('htmx:responseError', event => {
    const { xhr, elt } = event.detail;
    if (isLive(elt) || xhr.status === 401) return;
    notice(xhr.status === 403 ? 'not-allowed' : xhr.status === 404 ? 'gone' : xhr.status === 409 ? 'changed' : 'failed');
  });

  /* --- notices: their words are <template id="notice-…"> in base.html --- */
  function notice(name) {
    const template = document.getElementById(`notice-${name}`), place = $('#notices');
    if (!template || !place || document.getElementById(`shown-${name}`)) return;
    const note = template.content.firstElementChild.cloneNode(true);
    note.id = `shown-${name}`;
    place.append(note);
  }
  const withdraw = name => document.getElementById(`shown-${name}`)?.remove();

  /* --- freshness and waking --- */
  function showFreshness() {
    const label = $('[data-fresh]'), live = $$('[data-live]');
    if (!label) return;
    label.hidden = !live.length;
    if (!live.length) return;
    const age = Date.now() - Math.min(...live.map(element => region(element).at)), isStale = age >= FRESH_FOR;
    const words = isStale ? `Stale, ${duration(age / 1000)}` : age < 1000 ? 'Updated now' : `Updated ${duration(age / 1000)} ago`;
    label.classList.toggle('is-stale', isStale);
    if (label.textContent !== words) label.textContent = words;
  }
  function refreshAll() {
    for (const element of $$('[data-live]')) {
      region(element).notBefore = 0;
      if (element.getAttribute('hx-get')) htmx.ajax('GET', element.getAttribute('hx-get'), { source: element }).catch(() => {});
    }
  }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { showFreshness(); refreshAll(); } });
  addEventListener('online', refreshAll);
  addEventListener('pageshow', event => { if (event.persisted) refreshAll(); });
  setInterval(() => { if (!document.hidden) showFreshness(); }, 1000);
  showFreshness();

  /* --- what a morph must not undo --- */
  const typed = new WeakSet();     // fields that somebody changed and that were not posted yet
  const guards = { value: el => typed.has(el), checked: el => typed.has(el), selected: el => typed.has(el.closest('select')) };
  guards.open = el => el.matches('details, dialog');

  document.addEventListener('input', event => typed.add(event.target));
  document.addEventListener('reset', event => [...event.target.elements].forEach(field => typed.delete(field)));
  document.addEventListener('htmx:beforeSwap', event => {
    const { elt, xhr, requestConfig } = event.detail, form = (requestConfig?.elt || elt).closest?.('form');
    if (!form || requestConfig.verb === 'get' || xhr.status >= 300) return;
    [...form.elements].forEach(field => typed.delete(field));
    $$('#notices > *').forEach(note => note.remove());
  });
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeAttributeUpdated: (name, element) => !guards[name]?.(element),
    beforeNodeMorphed(old, fresh) {
      if (old.nodeType !== Node.ELEMENT_NODE) return true;
      if (old.hasAttribute('data-morph-keep')) {
        if (fresh.hasAttribute('aria-label')) old.setAttribute('aria-label', fresh.getAttribute('aria-label'));
        return false;
      }
      return !(old.localName === 'textarea' && typed.has(old));
    },
  });
})();
