// Before the first pixel: a page that the person made dark must not flash light.
{
  const chosen = localStorage.getItem("dashboard.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
