// Buttons that copy an address. They are hidden until this runs, so nobody is offered what does not work.
(function () {
  "use strict";

  function ready() {
    document.querySelectorAll("button[data-copy][hidden]").forEach(function (button) { button.hidden = false; });
  }

  // Without https there is no clipboard; a selection that is copied does the same.
  function copyBySelection(text) {
    var field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("readonly", "");
    field.className = "pkg-hidden";
    document.body.appendChild(field);
    field.select();
    var copied = document.execCommand("copy");
    field.remove();
    return copied ? Promise.resolve() : Promise.reject(new Error("The browser does not let this page copy."));
  }

  function say(button, words) {
    if (!button.dataset.label) button.dataset.label = button.textContent;
    button.textContent = words;
    setTimeout(function () { button.textContent = button.dataset.label; }, 2000);
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-copy]");
    if (!button) return;
    var copy = navigator.clipboard ? navigator.clipboard.writeText(button.dataset.copy) : copyBySelection(button.dataset.copy);
    copy.then(function () { say(button, "Copied"); }, function () { say(button, "Select and copy"); });
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready); else ready();
})();
