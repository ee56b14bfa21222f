// The wizard's conveniences: dropping a file, the upload bar, and saying what a correction did.
// Without them it is a plain form and plain links.
(function () {
  "use strict";

  function part(form, name) { return form.querySelector("[data-" + name + "]"); }

  function size(bytes) {
    if (bytes < 1e6) return Math.max(1, Math.round(bytes / 1e3)) + " kB";
    if (bytes < 1e9) return (bytes / 1e6).toFixed(1) + " MB";
    return (bytes / 1e9).toFixed(2) + " GB";
  }

  function say(text) {
    var status = document.getElementById("page-status");
    if (status) status.textContent = text;
  }

  // True when the chosen file is within the limit; else the sentence stands beside the field.
  function check(form) {
    var file = form.elements.file.files[0];
    var error = part(form, "upload-error");
    var isTooLarge = file && file.size > Number(form.dataset.maxBytes);
    error.textContent = isTooLarge
      ? file.name + " has " + size(file.size) + ", which " + form.dataset.tooLarge
      : "";
    return !isTooLarge;
  }

  function prepare(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "yes";
    var input = form.elements.file;
    var zone = part(form, "dropzone");
    part(form, "dropzone-words").hidden = false;
    input.addEventListener("change", function () { check(form); });
    ["dragenter", "dragover"].forEach(function (name) {
      zone.addEventListener(name, function (event) {
        event.preventDefault();
        zone.classList.add("is-over");
      });
    });
    ["dragleave", "drop"].forEach(function (name) {
      zone.addEventListener(name, function () { zone.classList.remove("is-over"); });
    });
    zone.addEventListener("drop", function (event) {
      event.preventDefault();
      if (!event.dataTransfer.files.length) return;
      var one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      input.files = one.files;
      check(form);
      form.querySelector("button[type=submit]").focus();
    });
    part(form, "upload-stop").addEventListener("click", function () {
      window.htmx.trigger(form, "htmx:abort");
    });
  }

  function show(form, isSending) {
    part(form, "upload-progress").hidden = !isSending;
    form.querySelector("button[type=submit]").disabled = isSending;
  }

  // A file dropped beside the zone must not replace the page.
  ["dragover", "drop"].forEach(function (name) {
    window.addEventListener(name, function (event) {
      if (document.querySelector("[data-upload]")) event.preventDefault();
    });
  });

  document.addEventListener("htmx:beforeRequest", function (event) {
    var form = event.target;
    if (!form.matches("[data-upload]")) return;
    if (!check(form)) { event.preventDefault(); form.elements.file.focus(); return; }
    if (!form.elements.file.files.length) return;
    show(form, true);
    part(form, "upload-words").textContent = "Uploading…";
  });
  document.addEventListener("htmx:xhr:progress", function (event) {
    var form = event.target;
    if (!form.matches("[data-upload]") || !event.detail.lengthComputable) return;
    var percent = Math.floor(100 * event.detail.loaded / event.detail.total);
    var bar = form.querySelector("progress");
    var isThere = event.detail.loaded >= event.detail.total;
    if (isThere) bar.removeAttribute("value"); else bar.value = percent;
    // Every tenth is told: a screen reader reads each change
    var words = isThere
      ? "The file is there and is being looked at…"
      : "Uploading: " + (percent - percent % 10) + " % of " + size(event.detail.total);
    var line = part(form, "upload-words");
    if (line.textContent !== words) line.textContent = words;
  });
  ["htmx:xhr:abort", "htmx:responseError", "htmx:sendError"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var form = event.target;
      if (!form.matches || !form.matches("[data-upload]")) return;
      show(form, false);
      if (name === "htmx:xhr:abort") say("The upload was stopped. Nothing was kept.");
    });
  });

  // A refused form begins with what is wrong: the keyboard and the screen reader start there.
  var summary = document.querySelector("main form .notice-danger, main > .notice-danger");
  if (summary) { summary.tabIndex = -1; summary.focus(); }

  // What a correction did is said, and the error that came with it gets the focus. The button that
  // takes the pressed one's place has its id, so it gets the focus too, also when Enter was pressed
  // in the field beside it, which is gone.
  var timer = null;
  var pressed = "";
  document.addEventListener("htmx:beforeRequest", function (event) {
    var button = event.target.querySelector && event.target.querySelector("button[type=submit]");
    pressed = button ? button.id : "";
  });
  document.addEventListener("htmx:afterSettle", function (event) {
    var shown = document.querySelector("#wizard-upload [autofocus]");
    if (event.target.id === "wizard-upload" && shown) shown.focus();
    var problems = document.getElementById("wizard-problems") || document.getElementById("wizard-found");
    if (!problems || event.target !== problems) return;
    var successor = pressed && document.getElementById(pressed);
    if (successor && document.activeElement === document.body) successor.focus();
    var said = problems.dataset.said;
    if (!said) return;
    say(said);
    clearTimeout(timer);
    timer = setTimeout(function () { say(""); }, 5000);
  });

  document.querySelectorAll("[data-upload]").forEach(prepare);
  document.addEventListener("htmx:load", function () {
    document.querySelectorAll("[data-upload]").forEach(prepare);
  });
})();
