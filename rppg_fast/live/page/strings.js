// The page's words in the chosen language.

const LANGUAGES = ["en", "ko"];
let words = {};

export function chosenLanguage() {
  const wanted = [localStorage.getItem("language"), ...navigator.languages];
  const found = wanted.map((one) => (one ?? "").slice(0, 2)).find((one) => LANGUAGES.includes(one));
  return found ?? LANGUAGES[0];
}

/** Loads a language, and puts its words into every element that names one. */
export async function useLanguage(language) {
  const answer = await fetch(`strings/${language}.json`);
  words = await answer.json();
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
}

export function text(key, values = {}) {
  const found = words[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
