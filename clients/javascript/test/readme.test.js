// The example of the README, with the address and the preset of this test.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const url = process.env.AURICLE_URL;

test("the example of the README prints the text", { skip: url ? false : "AURICLE_URL is not set" }, () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, example] = readme.split(/```(?:js)?\n/);
  const code = example.replace("http://127.0.0.1:8770", url).replace('"digits"', '"tone"');
  const samples = "const samples = new Int16Array(24_000);\n";
  const folder = new URL("..", import.meta.url);
  const args = ["--experimental-websocket", "--no-warnings", "--input-type=module", "--eval", samples + code];
  const printed = execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  assert.equal(printed, "0 16000:00000000\n1 8000:00000000\n");
});
