'use strict';
// Logins: every way that must work, and those that must not.

const { describeError, formatText, formatValue } = require('../nodelib/format.js');
const { loginCases } = require('../nodelib/logins.js');
const { letters } = require('../nodelib/values.js');
const { TYPES } = require('tedious');
const { batch, execute, isServerError, withConnection } = require('./client.js');

function loginAndAsk(endpoint, change) {
  return withConnection(endpoint, change, (connection) => batch(connection, 'SELECT DB_NAME() AS db, 1 AS one'));
}

// refusedLogin expects a server error, which is the result.
async function refusedLogin(endpoint, change) {
  let text;
  try {
    text = await loginAndAsk(endpoint, change);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return describeError(error);
  }
  throw new Error(`the login was accepted: ${text}`);
}

// packetSize logs in with a packet size and moves several packets of it both ways.
function packetSize(size) {
  return (endpoint) => withConnection(endpoint, { options: { packetSize: size } }, async (connection) => {
    const text = letters(40_000);
    const { rows, error } = await execute(connection, 'SELECT CAST(@v AS nvarchar(max)) AS v', [['v', TYPES.NVarChar, text]]);
    if (error) throw error;
    if (rows[0][0] !== text) throw new Error(`sent ${formatText(text)}, got ${formatValue(rows[0][0])}`);
    return formatText(text);
  });
}

const cases = [
  ...loginCases(loginAndAsk, refusedLogin),
  {
    name: 'login/wrong-password-after-good',
    run: async (endpoint) => {
      await loginAndAsk(endpoint, {});
      return refusedLogin(endpoint, { password: `${endpoint.password}x` });
    },
  },
  { name: 'login/packet-size-512', run: packetSize(512) },
  { name: 'login/packet-size-32767', run: packetSize(32767) },
  { name: 'login/read-only-intent', run: (endpoint) => loginAndAsk(endpoint, { options: { readOnlyIntent: true } }) },
  { name: 'login/tds-7_3', run: (endpoint) => loginAndAsk(endpoint, { options: { tdsVersion: '7_3_B' } }) },
  { name: 'login/tds-7_2', run: (endpoint) => loginAndAsk(endpoint, { options: { tdsVersion: '7_2' } }) },
];

module.exports = { cases, loginAndAsk };
