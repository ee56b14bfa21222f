// Runs before anything is drawn, so that no page flashes in the wrong theme.
(function () {
  "use strict";
  var chosen = null;
  try { chosen = localStorage.getItem("datasync-theme"); } catch (error) { /* private mode */ }
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    document.documentElement.dataset.bsTheme = chosen || (dark.matches ? "dark" : "light");
  }
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("datasync:theme", function (event) {
    chosen = event.detail;
    try { localStorage.setItem("datasync-theme", chosen); } catch (error) { /* private mode */ }
    apply();
  });
})();
