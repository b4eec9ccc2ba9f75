/* Loaded blocking in <head>: puts the theme on the root before the first paint, and the class `js`.
   The choice ("light", "dark", nothing = follow the system) is kept in localStorage under `theme`. */
(() => {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');

  function choice() {
    try { return localStorage.getItem('theme') || 'system'; } catch { return 'system'; }
  }
  function show() {
    const chosen = choice();
    root.dataset.bsTheme = chosen === 'system' ? (system.matches ? 'dark' : 'light') : chosen;
  }

  /* choose('system' | 'light' | 'dark'); charts.js redraws when the attribute changes */
  function choose(theme) {
    try { theme === 'system' ? localStorage.removeItem('theme') : localStorage.setItem('theme', theme); } catch { /* private mode */ }
    show();
  }

  root.classList.add('js');
  show();
  system.addEventListener('change', show);
  addEventListener('storage', event => { if (event.key === 'theme') show(); });
  window.pdTheme = { choice, choose };
})();
