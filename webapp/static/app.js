// What every page needs from script. Everything here is a convenience: pages work without it.
(function () {
  "use strict";
  var root = document.documentElement;

  // Light and dark.
  document.querySelectorAll("[data-theme-toggle]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      window.dispatchEvent(new CustomEvent("datasync:theme", { detail: theme }));
    });
  });

  // A menu closes on a click elsewhere and on Escape, which returns the focus to its button.
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // A form marked data-once is sent once, however often its button is pressed.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-once]").forEach(function (form) {
      delete form.dataset.sent;
    });
  });

  // htmx: the CSRF token goes in a header; what went wrong is said, not swallowed.
  var status = document.getElementById("page-status");
  function say(text) { status.textContent = text; }
  document.addEventListener("htmx:configRequest", function (event) {
    var token = document.querySelector("meta[name=csrf-token]");
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });
  document.addEventListener("htmx:beforeRequest", function () { say(""); });
  document.addEventListener("htmx:responseError", function (event) {
    var xhr = event.detail.xhr;
    var plain = (xhr.getResponseHeader("Content-Type") || "").indexOf("text/plain") === 0;
    say(plain ? xhr.responseText : "That did not work. Reload the page and try again.");
  });
  document.addEventListener("htmx:sendError", function () {
    say("The server does not answer. Check your connection; this page goes on by itself once reloaded.");
  });
})();
