'use strict';
// Runs the driver cases with the mssql package; see ../README.md. Arguments, if
// any, are prefixes of the names of the cases to run.

const { endpointFromEnv } = require('../nodelib/endpoint.js');
const { runSuite, sharedCases } = require('../nodelib/suite.js');
const { runBatches } = require('./client.js');

runSuite(endpointFromEnv(), [
  ...require('./login.js').cases,
  ...sharedCases('drv_npm', runBatches),
  ...require('./statements.js').cases,
  ...require('./lifecycle.js').cases,
  ...require('./patterns.js').cases,
], process.argv.slice(2));
