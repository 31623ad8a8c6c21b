'use strict';
// Runs cases in order and prints a line for each: name, tab, result.

const fs = require('node:fs');
const path = require('node:path');
const { describeError, oneLine } = require('./format.js');
const { list } = require('./endpoint.js');

const caseTimeout = 300_000; // milliseconds

class Skip extends Error {}

// A case is {name, needs?, run(endpoint) -> Promise<text>}.
async function runCase(endpoint, testCase) {
  const lacked = (testCase.needs || []).find((need) => endpoint.lacks.includes(need));
  if (lacked) {
    return `SKIP the endpoint lacks ${lacked}`;
  }
  let timer;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no result within ${caseTimeout / 1000} s`)), caseTimeout);
    });
    return oneLine(await Promise.race([testCase.run(endpoint), late]));
  } catch (error) {
    return error instanceof Skip ? `SKIP ${error.message}` : `FAIL ${oneLine(describeError(error))}`;
  } finally {
    clearTimeout(timer);
  }
}

// runSuite runs the cases whose names start with one of the prefixes (all, if
// none is given) and ends the process: 0, or 1 if a case failed.
async function runSuite(endpoint, cases, prefixes) {
  let failed = 0;
  for (const testCase of cases) {
    if (prefixes.length > 0 && !prefixes.some((p) => testCase.name.startsWith(p))) {
      continue;
    }
    const result = await runCase(endpoint, testCase);
    if (result.startsWith('FAIL ')) {
      failed++;
    }
    process.stdout.write(`${testCase.name}\t${result}\n`);
  }
  process.exit(failed > 0 ? 1 : 0);
}

// sharedCases parses the text-only cases; runBatches(endpoint, batches) runs one.
function sharedCases(prefix, runBatches) {
  const file = process.env.TDS_CASES || path.join(__dirname, '..', 'cases.sql');
  return fs.readFileSync(file, 'utf8').split('\n--# ').slice(1).map((block) => {
    const [header, ...lines] = block.split('\n');
    const [name, needs] = header.trim().split(' needs=');
    const batches = `\n${lines.join('\n').trimEnd()}\n`.split('\nGO\n')
      .map((batch) => batch.replace(/^\n+|\n+$/g, '').replaceAll('{p}', prefix));
    return { name, needs: list(needs), run: (endpoint) => runBatches(endpoint, batches) };
  });
}

module.exports = { Skip, runSuite, sharedCases };
