// A button cannot print without a script: it stays hidden where scripts do not run.
const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());
