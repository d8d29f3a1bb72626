// Only what neither HTML nor HTMX can do. Every page works without it.
(function () {
  "use strict";

  // An open menu closes when the reader clicks elsewhere or presses Escape.
  function closeMenus(except) {
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (menu !== except) menu.removeAttribute("open");
    });
  }
  document.addEventListener("click", function (event) {
    closeMenus(event.target.closest("details[data-menu]"));
  });
  document.addEventListener("keydown", function (event) {
    var menu = event.key === "Escape" && document.querySelector("details[data-menu][open]");
    if (!menu) return;
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  });

  // A form is sent once: its button waits for the answer. Coming back by the browser's history frees it again. An answer that
  // opens in another tab never comes back here, so there the button stays.
  document.addEventListener("submit", function (event) {
    var button = event.submitter;
    if (event.defaultPrevented || !button || event.target.method !== "post" || event.target.target) return;
    setTimeout(function () { button.disabled = true; }, 0); // after the browser has read the button's own value
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form button:disabled:not([data-refused])").forEach(function (button) { button.disabled = false; });
  });

  // A filter that sends its form when it changes; without script its button does.
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // A suggestion fills its field; without script its button sends it to the server, which does the same.
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-fills]"), field = button && document.getElementById(button.dataset.fills);
    if (!field) return;
    event.preventDefault();
    field.value = button.value;
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // The error summary is read first.
  var summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
})();
