'use strict';
// Logins: every way that must work, and those that must not.

const { loginCases } = require('../nodelib/logins.js');
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

const cases = loginCases(loginAndAsk, refusedLogin);

module.exports = { cases, loginAndAsk };
