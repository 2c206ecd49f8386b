import js from "@eslint/js";
import globals from "globals";

const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "write", "writeln"];

// What wsq/views/page/scripts.py, which joins the modules, relies on.
const JOINABLE = [
  { selector: "ImportDefaultSpecifier, ImportNamespaceSpecifier, ImportExpression", message: "Import by name." },
  { selector: "ImportDeclaration:not([source.value=/^[.]{1,2}[/].+[.]js$/])", message: "Import modules of wsq." },
  {
    selector: "ExportDefaultDeclaration, ExportAllDeclaration, ExportNamedDeclaration[declaration=null]",
    message: "Export the declaration, by its name.",
  },
  { selector: "TemplateElement[value.raw=/\\n/]", message: "Texts do not span lines: indentation is stripped." },
];

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "no-duplicate-imports": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-extend-native": "error",
      "no-shadow": "error",
      "no-unused-vars": "error",
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "sort-imports": ["error", { ignoreDeclarationSort: true }],
    },
  },
  {
    files: ["wsq/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-globals": ["error", "name", "event", "status"],
      "no-restricted-properties": [
        "error",
        ...MARKUP.map((property) => ({ property, message: "Text never becomes markup." })),
        { object: "Object", property: "assign", message: "Objects are not extended after they are made." },
        { object: "Object", property: "setPrototypeOf", message: "Classes are declared." },
      ],
      "no-restricted-syntax": ["error", ...JOINABLE],
    },
  },
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node } },
];
