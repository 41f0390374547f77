// Lints the page and the JavaScript tests. The rules beyond the recommended ones
// keep strings from ever becoming markup or code, and modules small.
import js from "@eslint/js";
import globals from "globals";

const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "write", "writeln", "srcdoc"];
const MODULE_LINES = 100;

export default [
  { ignores: ["**/node_modules/**", "web/vendor/**", ".venv/**", "build/**"] },
  js.configs.recommended,
  {
    files: ["web/**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
  },
  {
    files: ["web/model/**/*.js", "web/limits.js"],
    languageOptions: { globals: Object.fromEntries(["document", "window", "localStorage", "WebSocket", "fetch"].map((name) => [name, "off"])) },
    rules: { "no-restricted-globals": ["error", "setTimeout", "setInterval", "requestAnimationFrame"] },
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
      "no-restricted-properties": ["error", ...MARKUP.map((property) => ({ property, message: "text stays text" }))],
      "no-script-url": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["tests/**"], rules: { "max-lines": "off", "no-script-url": "off", "max-lines-per-function": "off" } },
];
