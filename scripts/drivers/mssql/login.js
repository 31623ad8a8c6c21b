'use strict';
// Logins: every way that must work, and those that must not.

const { knownModes } = require('../nodelib/endpoint.js');
const { Skip } = require('../nodelib/suite.js');
const { batch, describeError, serverNumber, withPool } = require('./client.js');

function loginAndAsk(endpoint, change) {
  return withPool(endpoint, change, (pool) => batch(pool, 'SELECT DB_NAME() AS db, 1 AS one'));
}

async function refusedLogin(endpoint, change) {
  let text;
  try {
    text = await loginAndAsk(endpoint, change);
  } catch (error) {
    // The package hands on code and text of a refused login, not the number.
    if (error.code !== 'ELOGIN' && !serverNumber(error)) throw error;
    return `${error.code} ${describeError(error)}`;
  }
  throw new Error(`the login was accepted: ${text}`);
}

const cases = [
  ...knownModes.map((mode) => ({
    name: `login/encrypt-${mode}`,
    run: async (endpoint) => {
      if (mode === 'login') throw new Skip('the driver has no login-only encryption');
      if (!endpoint.modes.includes(mode)) throw new Skip(`the endpoint does not offer encryption mode ${mode}`);
      if (mode === 'strict' && !endpoint.certificateFile) throw new Skip('strict needs TDS_SERVER_CERT');
      return loginAndAsk(endpoint, { mode });
    },
  })),
  {
    name: 'login/second-user',
    run: async (endpoint) => {
      if (!endpoint.user2) throw new Skip('TDS_USER2 is not set');
      return loginAndAsk(endpoint, { user: endpoint.user2, password: endpoint.password2, database: endpoint.database2 });
    },
  },
  { name: 'login/wrong-password', run: (endpoint) => refusedLogin(endpoint, { password: `not-${endpoint.password}` }) },
  { name: 'login/unknown-user', run: (endpoint) => refusedLogin(endpoint, { user: 'no_such_user' }) },
  { name: 'login/unknown-database', run: (endpoint) => refusedLogin(endpoint, { database: 'no_such_database' }) },
];

module.exports = { cases, loginAndAsk };
