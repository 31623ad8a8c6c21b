'use strict';
// Runs the driver cases with tedious; see ../README.md. Arguments, if any, are
// prefixes of the names of the cases to run.

const { endpointFromEnv } = require('../nodelib/endpoint.js');
const { runSuite, sharedCases } = require('../nodelib/suite.js');
const { runBatches } = require('./client.js');

runSuite(endpointFromEnv(), [
  ...require('./login.js').cases,
  ...sharedCases('drv_ted', runBatches),
  ...require('./parameters.js').cases,
  ...require('./transactions.js').cases,
  ...require('./prepared.js').cases,
  ...require('./bulk.js').cases,
  ...require('./lifecycle.js').cases,
  ...require('./patterns.js').cases,
], process.argv.slice(2));
