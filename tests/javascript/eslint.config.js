// Lints the page and the JavaScript tests. The rules beyond the recommended ones
// keep strings from ever becoming markup or code, and modules small.
import js from "@eslint/js";
import globals from "globals";

const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "write", "writeln", "srcdoc"];
const MARKUP_RULES = MARKUP.map((property) => ({ property, message: "text stays text" }));
const MODULE_LINES = 100;
// What browsers of 2021 lack; web/model/text.js has substitutes.
const TOO_NEW = [
  ...["at", "findLast", "findLastIndex", "toReversed", "toSorted", "toSpliced", "replaceAll"],
  ...["toWellFormed", "isWellFormed", "canParse", "hasOwn", "groupBy", "withResolvers", "randomUUID"],
  ...["ariaBusy", "ariaExpanded", "ariaLabel", "ariaModal"],
].map((property) => ({ property, message: "browsers of 2021 lack it" }));

export default [
  { ignores: ["**/node_modules/**", "web/vendor/**", ".venv/**", "build/**"] },
  js.configs.recommended,
  {
    files: ["web/**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
  },
  { files: ["web/sw.js"], languageOptions: { sourceType: "script", globals: globals.serviceworker } },
  { files: ["web/support.js"], languageOptions: { ecmaVersion: 5, sourceType: "script" } },
  {
    files: ["web/model/**/*.js", "web/model/limits.js"],
    languageOptions: { globals: Object.fromEntries(["document", "window", "localStorage", "WebSocket", "fetch"].map((name) => [name, "off"])) },
  },
  {
    files: ["tests/**/*.{js,mjs}"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.node },
  },
  {
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-lines": ["error", { max: MODULE_LINES, skipBlankLines: true }],
      "max-lines-per-function": ["error", { max: 45 }],
      "no-alert": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-restricted-properties": ["error", ...MARKUP_RULES],
      "no-script-url": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["web/**/*.js"],
    rules: {
      "no-restricted-globals": ["error", "structuredClone", "reportError"],
      "no-restricted-properties": ["error", ...MARKUP_RULES, ...TOO_NEW],
    },
  },
  {
    files: ["web/model/**/*.js", "web/model/limits.js"],
    rules: { "no-restricted-globals": ["error", "structuredClone", "setTimeout", "setInterval", "requestAnimationFrame"] },
  },
  { files: ["web/sw.js"], languageOptions: { sourceType: "script", globals: globals.serviceworker } },
  { files: ["web/support.js"], rules: { "no-var": "off", "object-shorthand": "off" } },
  { files: ["tests/web/*.mjs"], languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  { files: ["tests/**"], rules: { "max-lines": "off", "no-restricted-properties": "off", "no-script-url": "off", "max-lines-per-function": "off" } },
];
