// What scrolls sideways on a narrow page can be reached and scrolled with the keyboard.
const scrollable = () => document.querySelectorAll(".highlight pre, .table-wrapper, .output.text_plain pre, div.math").forEach(box => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
});
addEventListener("load", scrollable);
addEventListener("resize", scrollable);
// Opened from disk, the search cannot read other pages: it lists titles, without asking for what the browser refuses.
if (location.protocol == "file:" && typeof DOCUMENTATION_OPTIONS != "undefined") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
